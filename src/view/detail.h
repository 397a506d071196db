/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything known of one coroutine, task or source line, copied out of a snapshot, so that it
 * stays unchanged while the model goes on.
 */
#ifndef LOOPSTALL_VIEW_DETAIL_H
#define LOOPSTALL_VIEW_DETAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/lint.h"
#include "model/resolver.h"
#include "view/screens.h"

#define DETAIL_MAX_WORST 10
#define DETAIL_MAX_PAYERS 8
#define DETAIL_MAX_SITES 8
#define DETAIL_MAX_AWAITERS 16
#define DETAIL_NAME_BYTES (4 * LS_NAME_BYTES + 32)
#define DETAIL_TEXT_BYTES 1024
#define DETAIL_SOURCE_LINES (2 * SOURCE_AROUND + 1)
#define DETAIL_SOURCE_BYTES 256

/* A task that waited behind it, or one it waited behind. */
struct detail_payer {
	char name[DETAIL_NAME_BYTES]; /* raw */
	size_t tasks; /* names that it stands for: "heartbeat-*" */
	uint64_t times, starved_ns;
};

struct detail_payers {
	size_t n;
	struct detail_payer rows[DETAIL_MAX_PAYERS]; /* most starved first */
	size_t others; /* beyond that */
	uint64_t others_ns;
};

/* A call site of its stalls, with its share of their time. */
struct detail_site {
	struct model_frame at;
	enum ls_cause cause;
	const char *syscall;
	enum sign sign;
	const struct runtime_words *words;
	uint64_t stalls, total_ns;
};

/* A task up the chain of those that await one another. */
struct detail_awaiter {
	char name[DETAIL_NAME_BYTES];
	struct code_info coroutine;
	struct model_frame at; /* where it awaits */
};

/* One task. Its strings are copied, because the next reading frees the model's. */
struct detail_task {
	struct task_row row; /* `name` and `waits_for` are not to be used */
	char name[DETAIL_NAME_BYTES], waits_for[DETAIL_NAME_BYTES];
	struct model_frame stack[LS_MAX_FRAMES];
	size_t n_awaiters;
	/* who awaits it, who awaits that one, ... */
	struct detail_awaiter awaiters[DETAIL_MAX_AWAITERS];
	bool is_cut; /* there are more, or they form a cycle */
};

struct detail {
	uint64_t now_ns; /* when it was taken */
	uint64_t clock_offset_ns; /* as in view_status */
	struct light light;
	bool has_row;
	struct coroutine_row row; /* of the coroutine; a line has none */
	struct model_frame at; /* the line to look at, NULLs if none is known */
	bool has_verdict;
	struct lint_verdict verdict;
	/* of `stall`, whose own time is a stall beside what the host did */
	bool has_own_verdict;
	struct lint_verdict own_verdict;
	/* Of the row, else of the stalls that are still known. */
	uint64_t stalls, starved_ns;
	uint64_t cpu_ns, blocked_ns, gil_ns, runqueue_ns;
	size_t n_worst;
	struct stall worst[DETAIL_MAX_WORST]; /* those that are open first, then the longest */
	uint64_t longest_ns; /* of the stalls that are known, 0 if there is none */
	/* chosen: it is the one asked for, else the first of `worst` */
	bool has_stall, is_chosen;
	struct stall stall; /* whose stack is shown */
	/* of a coroutine with several: most time first, and those beyond */
	size_t n_sites, more_sites;
	struct detail_site sites[DETAIL_MAX_SITES];
	uint64_t more_sites_ns, sites_ns; /* sites_ns: of all */
	struct detail_payers paid_by; /* who starved behind it */
	struct detail_payers behind; /* whom it starved behind */
	bool has_task, is_task_gone; /* gone: the requested task is no longer alive */
	bool has_stuck_task; /* `task` is that of `stall`, which is open */
	struct detail_task task;
	char log[DETAIL_TEXT_BYTES]; /* the line it is about, raw; "" if none */
	enum log_grade log_grade;
	/* Lines around `at`, one after the other; none if the file cannot be read. Escaped. */
	uint32_t first_line;
	size_t n_lines;
	char lines[DETAIL_SOURCE_LINES][DETAIL_SOURCE_BYTES];
};

/* Whether what is shown goes on. */
static inline bool detail__is_open(const struct detail *d)
{
	return d->has_stall && d->stall.end == LS_END_OPEN;
}

void detail__take(struct detail *d, const struct snapshot *snapshot,
		  const struct view_status *status, const struct screen_subject *subject);

#endif
