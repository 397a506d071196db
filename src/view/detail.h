/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All that is known of one coroutine, or of one source line, copied out of a snapshot: so that it stays as it was when one
 * looked, whatever happens to the model.
 */
#ifndef LOOPSTALL_VIEW_DETAIL_H
#define LOOPSTALL_VIEW_DETAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/lint.h"
#include "view/screens.h"

#define DETAIL_MAX_WORST 10
#define DETAIL_MAX_PAYERS 64
#define DETAIL_SOURCE_LINES 5
#define DETAIL_SOURCE_BYTES 256

/* A task that waited behind it. */
struct detail_payer {
	char name[4 * LS_NAME_BYTES + 32];
	uint64_t times;
};

struct detail {
	uint64_t now_ns; /* when it was taken */
	bool has_row;
	struct coroutine_row row; /* of the coroutine; a line has none */
	struct model_frame at; /* the line to look at, NULLs if none is known */
	bool has_verdict;
	struct lint_verdict verdict;
	/* Of the row, else of the stalls that are still known. */
	uint64_t stalls, starved_ns;
	uint64_t cpu_ns, blocked_ns, gil_ns, runqueue_ns;
	size_t n_worst;
	struct stall worst[DETAIL_MAX_WORST]; /* longest first */
	bool has_stall, is_chosen; /* chosen: it is the one asked for, else the longest one */
	struct stall stall; /* whose stack is shown */
	size_t n_payers;
	struct detail_payer payers[DETAIL_MAX_PAYERS]; /* most often first */
	uint64_t other_payers; /* times of names beyond that */
	/* Lines around `at`, one after the other; none if the file cannot be read. Escaped. */
	uint32_t first_line;
	size_t n_lines;
	char lines[DETAIL_SOURCE_LINES][DETAIL_SOURCE_BYTES];
};

void detail__take(struct detail *d, const struct snapshot *snapshot,
		  const struct view_status *status, const struct screen_subject *subject);

#endif
