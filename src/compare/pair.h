/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two runs, of which neither is known to be good: for each series whether it got worse, better,
 * neither, or is too rare to tell. The tests are those of compare.h, in both directions: of the
 * time that a step, or a stall, takes. What is known by its stalls alone is also tested by how
 * often it stalls.
 *
 * How often: per step of the program and per second, and whichever of the two says less counts:
 * neither a busier hour nor a new task with many small steps makes anything worse. Stalls come in
 * bursts, so a number of stalls counts less the more its slices differ (quasi-Poisson). A stall
 * near the threshold is seen in one run and missed in the other though it took as long; so the side
 * that is said to have more is counted from PAIR_MARGIN above the threshold.
 *
 * All that is added to one list is one family: Holm's correction keeps the chance of any false
 * alarm in it below COMPARE_ALPHA. It is weighted: percentiles, which rarely tell more than the
 * mean, cost the other tests a quarter of what they would cost.
 */
#ifndef LOOPSTALL_COMPARE_PAIR_H
#define LOOPSTALL_COMPARE_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compare/series.h"

#define PAIR_GRANTED 0.05 /* changes below 5 % are none */
#define PAIR_GRANTED_RATE 0.25 /* the same of how often something stalls */
#define PAIR_MARGIN 1.25 /* times the threshold */
#define PAIR_P95_WEIGHT 0.25 /* of a test; the others are 1 */

enum pair_side { PAIR_BEFORE, PAIR_AFTER, PAIR_SIDES };

enum pair_measure { PAIR_MEAN, PAIR_P95, PAIR_RATE, PAIR_MEASURES };

/* What is counted of a table of series. */
enum pair_kind {
	PAIR_STEPS, /* all steps of a coroutine */
	PAIR_STALLS, /* stalls alone: of a call site, of a callback */
};

/* One test of one measure. */
struct pair_test {
	bool is_tested, is_percentile;
	double ratio; /* after / before; 0: there was none before; INFINITY: there is none after */
	double low, high; /* its 95 % confidence interval; 0: not known */
	bool is_worse; /* the direction that was tested: after is the larger one */
	double p, p_holm;
};

/* A series in both runs. */
struct pair_row {
	enum pair_kind kind;
	const struct series *series[PAIR_SIDES]; /* NULL: this run does not have it */
	struct pair_test tests[PAIR_MEASURES];
	bool is_rare; /* too few steps or stalls for any test */
	/* the test that decided, else the first that was made; NULL: none was */
	const struct pair_test *decisive;
	enum pair_measure measure; /* of `decisive` */
	bool is_changed; /* `decisive` is significant */
};

/* A list of them. Zeroed at first. */
struct pair_list {
	size_t n, n_room;
	struct pair_row *rows;
};

/* Whether a series is to be added. */
typedef bool pair_filter_fn(void *ctx, const struct series *s);

/*
 * Adds the series of a table of both runs: of `coroutines` if they are steps, else of `sites`. 0 or
 * -ENOMEM. The runs must outlive the pairs. `filter` NULL: all of them.
 */
int pair_list__add(struct pair_list *p, const struct run *before, const struct run *after,
		   enum pair_kind kind, pair_filter_fn *filter, void *ctx);
/* The corrected chances and what follows from them, after all was added. 0 or -ENOMEM. */
int pair_list__judge(struct pair_list *p);
void pair_list__done(struct pair_list *p);

/* Its series in the newer run that has it. */
const struct series *pair_row__series(const struct pair_row *row);

#endif
