/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares two runs: what got worse, what got better, and what differs no more than two runs of the
 * same program do. Coroutines, callbacks and turns are compared as compare/pair.h says; call sites,
 * which say where, are a family of tests of their own. What is compared is own time: durations
 * without what is the host's doing alone.
 *
 * Lines may move and functions get edited, so a coroutine is identified by name and file, a call
 * site by function and file. Stalled time is normalized to a second of watched time, because the
 * runs may differ in length.
 */
#ifndef LOOPSTALL_REPORT_DIFF_H
#define LOOPSTALL_REPORT_DIFF_H

#include <stdint.h>
#include <stdio.h>

#include "report/report.h"

enum diff_side { DIFF_BEFORE, DIFF_AFTER, DIFF_SIDES };

/*
 * In the order in which rows are listed: worst first. The first two are bad news, the next two are
 * good ones.
 *
 * DIFF_CHANGES(_) : _(NAME, "word")
 */
#define DIFF_CHANGES(_)                                                                            \
	_(WORSE, "worse")                                                                          \
	_(NEW, "new") /* worse, and it never stalled before */                                     \
	_(BETTER, "better")                                                                        \
	_(GONE, "gone") /* better, and it stalls no more */                                        \
	_(SAME, "same") /* no more than chance */                                                  \
	_(UNCLEAR, "unclear") /* too few steps or stalls to tell */                                \
	_(MIXED, "mixed") /* of a whole run: some of it is worse, some is better */

enum diff_change {
#define _(name, word) DIFF_##name,
	DIFF_CHANGES(_)
#undef _
		DIFF_MAX
};

/* DIFF_MEASURES(_) : _(NAME, "word") what a test compared */
#define DIFF_MEASURES(_)                                                                           \
	_(NONE, "none")                                                                            \
	_(MEAN, "mean") /* of a step; of what has no steps, of a stall */                          \
	_(P95, "p95")                                                                              \
	_(RATE, "rate") /* how often it stalls */

enum diff_measure {
#define _(name, word) DIFF_MEASURE_##name,
	DIFF_MEASURES(_)
#undef _
};

struct diff_figures {
	uint64_t stalls, stalled_ns, starved_ns;
	uint64_t own_stalls, own_stalled_ns; /* those that reach the threshold in own time */
	uint64_t max_ns; /* longest stall */
	bool has_p99;
	/* of all steps of a coroutine; of what has no steps that are counted, of its stalls */
	uint64_t p99_ns;
	uint64_t steps, own_mean_ns; /* 0: not counted */
};

struct diff_row {
	const char *name, *file; /* file: NULL if not known */
	const char *syscall; /* of a call site: of its longest stall; NULL: none */
	uint32_t line; /* as in the newer run that has it; 0: not known */
	enum ls_unit unit; /* of what is no call site */
	enum ls_cause
		cause; /* of a call site: with most of its time in the newer run that has it */
	enum diff_change change;
	struct diff_figures side[DIFF_SIDES];
	/* stalled time per second of watched time, after minus before: by the clock, and own time
	 */
	double change_ns_per_s, own_change_ns_per_s;
	/* The test that decided; if none did, the first that was made. */
	enum diff_measure measure;
	double ratio; /* after / before; 0: none before; INFINITY: none after */
	double low, high; /* its 95 % confidence interval; 0: not known */
	double p; /* the chance of such a difference, corrected for the number of tests */
};

struct diff_verdict {
	enum diff_change change; /* worse, better, mixed, same or unclear */
	size_t n_compared; /* coroutines, callbacks and turns with tests */
	size_t n[DIFF_MAX]; /* rows by their change */
	/* one line for people, raw: names are the target's */
	char *sentence;
};

/* Valid until diff__free(). */
struct diff_result {
	struct diff_verdict verdict;
	struct diff_figures side[DIFF_SIDES]; /* all stalls; p99: of stalls */
	uint64_t duration_ns[DIFF_SIDES];
	uint64_t threshold_ns[DIFF_SIDES];
	size_t n_coroutines, n_sites;
	/* coroutines, callbacks and turns that stalled or changed; call sites */
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

/* Facts of one run that its snapshot does not hold. */
struct diff_facts {
	uint64_t duration_ns;
	uint64_t threshold_ns;
	bool is_light; /* some of its steps were not counted, so they are not compared */
	double steal_share; /* of the machine's CPU time; NAN: not known */
};

/* Sets the threshold of a run, before its stalls. */
void diff__begin(struct diff *d, enum diff_side side, uint64_t threshold_ns);
/* Adds a stall of one run. Names are copied. 0 or -ENOMEM. */
int diff__stall(struct diff *d, enum diff_side side, const struct stall *stall);
/* The current state, several times a second; the calls cut the run into slices. 0 or -ENOMEM. */
int diff__slice(struct diff *d, enum diff_side side, const struct snapshot *snapshot,
		uint64_t now_ns);
/* Ends one run, after its stalls. 0 or -ENOMEM. */
int diff__finish(struct diff *d, enum diff_side side, const struct snapshot *snapshot,
		 const struct diff_facts *facts);
/* The comparison, once, after both runs ended. 0 or -ENOMEM. */
int diff__result(struct diff *d, const struct diff_result **ret_result);

/* It stalled because of the host alone, and nothing else is known of it. Such rows come last. */
bool diff_row__is_hosts(const struct diff_row *row);

const char *diff_change_word(enum diff_change change);
const char *diff_measure_word(enum diff_measure measure);

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
