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
#define DETAIL_MAX_PAYERS 8
#define DETAIL_MAX_AWAITERS 16
#define DETAIL_NAME_BYTES (4 * LS_NAME_BYTES + 32)
#define DETAIL_TEXT_BYTES 1024
#define DETAIL_SOURCE_LINES 5
#define DETAIL_SOURCE_BYTES 256

/* Somebody who waited behind it, or whom it waited behind. */
struct detail_payer {
	char name[DETAIL_NAME_BYTES]; /* raw */
	uint64_t times, starved_ns;
};

struct detail_payers {
	size_t n;
	struct detail_payer rows[DETAIL_MAX_PAYERS]; /* most starved first */
	size_t others; /* beyond that */
	uint64_t others_ns;
};

/* A task up the chain of those that await one another. */
struct detail_awaiter {
	char name[DETAIL_NAME_BYTES];
	struct code_info coroutine;
	struct model_frame at; /* where it awaits */
};

/* One task; its strings are copied, the model's go with the next look. */
struct detail_task {
	struct task_row row; /* `name` and `waits_for` are not to be used */
	char name[DETAIL_NAME_BYTES], waits_for[DETAIL_NAME_BYTES];
	struct model_frame stack[LS_MAX_FRAMES];
	size_t n_awaiters;
	struct detail_awaiter awaiters[DETAIL_MAX_AWAITERS]; /* who awaits it, who awaits that one, ... */
	bool is_cut; /* there are more, or they go round in a circle */
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
	struct detail_payers paid_by; /* who starved behind it */
	struct detail_payers behind; /* whom it starved behind */
	bool has_task, is_task_gone; /* gone: it was asked for, and is not alive any more */
	struct detail_task task;
	char log[DETAIL_TEXT_BYTES]; /* the line it is about, raw; "" if none */
	enum log_grade log_grade;
	/* Lines around `at`, one after the other; none if the file cannot be read. Escaped. */
	uint32_t first_line;
	size_t n_lines;
	char lines[DETAIL_SOURCE_LINES][DETAIL_SOURCE_BYTES];
};

void detail__take(struct detail *d, const struct snapshot *snapshot,
		  const struct view_status *status, const struct screen_subject *subject);

#endif
