/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one run says of a series, and how likely two runs differ by that much if the program is the
 * same. compare.h says which statistics, and why.
 */
#ifndef LOOPSTALL_COMPARE_ESTIMATE_H
#define LOOPSTALL_COMPARE_ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compare/series.h"

#define ESTIMATE_PRIOR_RUNS 4 /* degrees of freedom of the assumed variance */
#define ESTIMATE_PRIOR_SD 0.03 /* of the logarithm: runs of the same program differ by 3 % */
#define ESTIMATE_MIN_STEPS 30 /* of a coroutine in a run */
#define ESTIMATE_MIN_STALLS 5 /* of a call site in a run */
#define ESTIMATE_MIN_SLICES 3 /* with steps in them */

enum measure { MEASURE_MEAN, MEASURE_P95, MEASURE_MAX };

/* Sums over the slices of a series. */
struct sums {
	uint64_t steps, own_ns;
	size_t n_slices; /* with steps in them */
	uint32_t hist[LS_HIST_BUCKETS];
};

/* `without`: the slice to leave out, SIZE_MAX: none. */
void sums__of(const struct series *s, size_t n_slices, size_t without, struct sums *ret);
/* False if a run has too few steps of a coroutine, or stalls, to estimate anything from. */
bool sums__is_enough(const struct sums *sums, bool is_stalls);

/* One run's value of one measure, as a logarithm. */
struct estimate {
	double log;
	double variance; /* of `log`, from the slices */
};

/* The sums, which are enough, are those of the series. */
struct estimate estimate__of(const struct series *s, size_t n_slices, const struct sums *sums,
			     enum measure measure);

/* How far a run is from `n` earlier ones, as logarithms. */
struct gap {
	double before, after, shift, error, df;
};

struct gap gap__between(const struct estimate *before, size_t n, const struct estimate *after);
/* Half the width of the 95 % confidence interval of the shift. */
double gap__reach(const struct gap *gap);
/* The chance of such a shift if the new run takes at most 1 + max_regression times as long. */
double gap__chance(const struct gap *gap, enum measure measure, double max_regression);

#endif
