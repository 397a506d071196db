/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares two runs: the cost of each coroutine and each call site before and after. Stalled time
 * is normalized to a second of watched time, because the runs may differ in length. Lines may move,
 * so a coroutine is identified by name and file, a call site by function, file, cause and system
 * call. The result shows differences; `check` decides whether a difference can be chance.
 */
#ifndef LOOPSTALL_REPORT_DIFF_H
#define LOOPSTALL_REPORT_DIFF_H

#include <stdint.h>
#include <stdio.h>

#include "report/report.h"

enum diff_side { DIFF_BEFORE, DIFF_AFTER, DIFF_SIDES };

/* DIFF_CHANGES(_) : _(NAME, "word") */
#define DIFF_CHANGES(_)                                                                            \
	_(SAME, "same") /* within 1 % */                                                           \
	_(NEW, "new")                                                                              \
	_(WORSE, "worse")                                                                          \
	_(BETTER, "better")                                                                        \
	_(GONE, "gone")

enum diff_change {
#define _(name, word) DIFF_##name,
	DIFF_CHANGES(_)
#undef _
};

struct diff_figures {
	uint64_t stalls, stalled_ns, starved_ns;
	uint64_t max_ns; /* longest stall */
	uint64_t p99_ns; /* coroutine: of its steps; call site: of its stalls */
};

struct diff_row {
	const char *name, *file; /* file: NULL if not known */
	const char *syscall; /* of a call site; NULL: none */
	uint32_t line; /* as in the newer run that has it; 0: not known */
	enum ls_cause cause; /* of a call site */
	enum diff_change change;
	struct diff_figures side[DIFF_SIDES];
	double change_ns_per_s; /* stalled time per second of watched time, after minus before */
};

/* Sorted from the largest regression to the largest improvement. Valid until diff__free(). */
struct diff_result {
	struct diff_figures side[DIFF_SIDES]; /* all stalls; p99: of stalls */
	uint64_t duration_ns[DIFF_SIDES];
	size_t n_coroutines, n_sites;
	const struct diff_row *coroutines, *sites;
	uint64_t left_out; /* stalls of places beyond the first DIFF_MAX_PLACES */
};

#define DIFF_MAX_PLACES 20000

struct diff;

int diff__new(struct diff **ret_diff);
void diff__free(struct diff *d);
static inline void diff__freep(struct diff **d)
{
	diff__free(*d);
}

/* Adds a stall of one run. Names are copied. 0 or -ENOMEM. */
int diff__stall(struct diff *d, enum diff_side side, const struct stall *stall);
/* Ends one run, after its stalls. 0 or -ENOMEM. */
int diff__finish(struct diff *d, enum diff_side side, const struct snapshot *snapshot,
		 const struct report_run *run);
/* The comparison, after both runs ended. 0 or -ENOMEM. */
int diff__result(struct diff *d, const struct diff_result **ret_result);

const char *diff_change_word(enum diff_change change);

/* How a comparison is written; the names are those of report formats. */
struct diff_format {
	const char *name;
	/* 0 or -errno. */
	int (*write)(FILE *out, const struct diff_result *result, const struct report_opts *opts);
};

extern const struct diff_format diff_formats[];
extern const size_t n_diff_formats;
/* NULL if there is none of that name. */
const struct diff_format *diff_format__by_name(const char *name);

#endif
