/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the parts of the text report: escaped text, colour, and wordings chosen by the
 * available width.
 */
#ifndef LOOPSTALL_REPORT_TEXT_H
#define LOOPSTALL_REPORT_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "report/report_impl.h"

#define TEXT_MIN_WIDTH 60 /* narrower terminals get lines of this width */
#define TEXT_PIECE_BYTES 1024 /* of one piece of a line, escaped */

/* The line's width, 0 for no limit. */
size_t text_width(const struct report_opts *opts);

/* "handler() app/web.py:10" in as many words as fit into `columns` (0: all of them), escaped. */
void text_place(const struct code_info *code, size_t columns, char buf[TEXT_PIECE_BYTES]);

/*
 * Copies the first wording that fits, else the last one. Wordings are escaped and sorted longest
 * first.
 */
void text_choose(char (*wordings)[TEXT_PIECE_BYTES], size_t n, size_t columns,
		 char buf[TEXT_PIECE_BYTES]);

/* What to fix first, or that nothing stalled. */
void text__put_findings(FILE *out, const struct snapshot *s, const struct report_run *run,
			const struct report_opts *opts);

int text__finish(struct report *report, const struct snapshot *snapshot,
		 const struct report_run *run);

#endif
