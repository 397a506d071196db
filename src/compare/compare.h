/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A run against a baseline: what takes longer than it did, as far as that can be told from chance.
 *
 * For each coroutine, and each call site that stalled before, two tests: the mean of the own time
 * of a step, and its 95th percentile. Each compares logarithms, one-sided, with the hypothesis "at
 * most 1 + max_regression times as long". Its variance is that between runs, of which few are
 * known: it is moderated with an assumed one (Smyth 2004), worth ESTIMATE_PRIOR_RUNS runs, that is
 * all there is when the baseline has one run. Variance within the runs, from their slices (as
 * clusters: steps near each other are alike), comes on top where it is larger. The percentile
 * grants the width of its histogram bucket, which a distribution on an edge may jump. t
 * distribution throughout.
 *
 * A call site that stalls and never did in the baseline is tested by how often: of all its stalls,
 * all are in the new run, which has chance (share of the new run in all steps) ^ stalls.
 *
 * All tests are one family: Holm's correction keeps the chance of any false alarm below
 * COMPARE_ALPHA.
 */
#ifndef LOOPSTALL_COMPARE_COMPARE_H
#define LOOPSTALL_COMPARE_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compare/series.h"

#define COMPARE_ALPHA 0.05
#define COMPARE_MIN_SHARE 0.01 /* of the time of all steps, in the new run */
#define COMPARE_RESOLUTION_NS 2000 /* what the probes add to a step, and vary by */

#define BASELINE_MAX_RUNS 10

/* Earlier runs of the same program. */
struct baseline {
	size_t n;
	struct run *runs[BASELINE_MAX_RUNS]; /* oldest first */
};

enum compare_what { COMPARE_MEAN, COMPARE_P95, COMPARE_NEW_SITE };

/* One test. Names are those of the new run's series. */
struct comparison {
	enum compare_what what;
	bool is_site;
	const struct series *series;
	double before_ns, after_ns; /* 0 for a new site */
	double ratio, low, high; /* with its 95 % confidence interval; 0 for a new site */
	uint64_t steps; /* in the new run; of a site: stalls */
	uint64_t own_ns; /* in the new run */
	double p, p_holm;
	bool is_worse; /* significant, and more than the probes' own noise */
};

struct comparisons {
	size_t n;
	struct comparison *list; /* new sites first, then the worst first */
	/* coroutines and sites with too few steps or stalls in either run to compare */
	size_t n_untested;
	bool has_sites; /* false: no run of the baseline counted stalls as short as these */
};

/* 0 or -ENOMEM. Valid as long as `run`. */
int compare__run(const struct baseline *b, const struct run *run, double max_regression,
		 struct comparisons *ret);
void comparisons__done(struct comparisons *c);

#endif
