/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pieces of the text report's lines: escaped, and as long as the columns allow (0: no limit).
 */
#ifndef LOOPSTALL_REPORT_TEXT_PIECES_H
#define LOOPSTALL_REPORT_TEXT_PIECES_H

#include <stdbool.h>
#include <stddef.h>

#include "model/model.h"

#define TEXT_PIECE_BYTES 1024 /* of one piece of a line, escaped */

/* Formats and escapes. */
void text_word(char buf[TEXT_PIECE_BYTES], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* "handler() app/web.py:10" in as many words as fit into `columns` (0: all of them), escaped. */
void text_place(const struct code_info *code, size_t columns, char buf[TEXT_PIECE_BYTES]);

/*
 * Copies the first wording that fits, else the last one. Wordings are escaped and sorted longest
 * first.
 */
void text_choose(char (*wordings)[TEXT_PIECE_BYTES], size_t n, size_t columns,
		 char buf[TEXT_PIECE_BYTES]);

/* "Task-7 handler()"; the line of several stalls (not is_single) names no task. */
void text_who(const struct stall *stall, bool is_single, size_t columns,
	      char buf[TEXT_PIECE_BYTES]);

/*
 * "app/db.py:31 in fetch_row: time.sleep"; when the call is in another function than the user's:
 * "app/db.py:31 in check > re/__init__.py:166 in match"
 */
void text_where(const struct stall *stall, size_t columns, char buf[TEXT_PIECE_BYTES]);

/*
 * What follows the place: how it ended, unless by itself, and who had to wait; of folded stalls
 * `fold`, else NULL.
 */
void text_consequence(const struct stall *stall, const char *fold, bool is_short,
		      char buf[TEXT_PIECE_BYTES]);

#endif
