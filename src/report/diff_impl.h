/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a comparison: diff.c collects, diff_judge.c makes the rows and the verdict.
 */
#ifndef LOOPSTALL_REPORT_DIFF_IMPL_H
#define LOOPSTALL_REPORT_DIFF_IMPL_H

#include "compare/pair.h"
#include "compare/series.h"
#include "report/diff.h"
#include "report/intern.h"

/* The cost of one place in one run. */
struct diff_tally {
	struct diff_figures figures;
	uint32_t line;
	const char *syscall; /* of its longest stall */
	uint64_t cause_ns[LS_CAUSE_MAX];
	uint32_t hist[LS_HIST_BUCKETS]; /* of its stalls */
};

/*
 * Places of one kind. A key is name, file, each with its NUL, and a byte for the unit; "" where
 * there is none.
 */
struct diff_places {
	struct intern keys;
	struct diff_place {
		struct diff_tally side[DIFF_SIDES];
		bool has_steps; /* its steps are compared */
		const struct pair_row *pair; /* NULL: nothing to compare */
	} * list; /* by index of the key */
	size_t n_room;
	struct diff_row *rows;
};

/* One run. */
struct diff_run {
	/* all steps by coroutine; stalls by call site */
	struct run *steps;
	/* stalls of coroutines, callbacks and turns, as its `sites`, with the unit as the line */
	struct run *stalls;
	bool is_light;
	double steal_share;
};

struct diff {
	struct diff_places coroutines, sites;
	struct diff_run runs[DIFF_SIDES];
	struct diff_tally total[DIFF_SIDES];
	/* coroutines by their steps, and by their stalls what has no steps that are counted */
	struct pair_list culprit_pairs;
	struct pair_list site_pairs;
	struct intern texts; /* names of system calls */
	struct diff_result result;
};

/*
 * The place of that key, added if `may_add`. NULL if there is none; *ret_error is then 0 or
 * -ENOMEM.
 */
struct diff_place *diff_places__find(struct diff_places *p, enum ls_unit unit, const char *name,
				     const char *file, bool may_add, int *ret_error);

#endif
