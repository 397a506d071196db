/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See estimate.h.
 */
#include "compare/estimate.h"

#include <math.h>

#include "compare/student.h"
#include "model/hist.h"

#define BUCKET_WIDTH log(1.125) /* at most */
#define P95 95

void sums__of(const struct series *s, size_t n_slices, size_t without, struct sums *ret)
{
	*ret = (struct sums){};
	for (size_t i = 0; i < n_slices; i++) {
		const struct slice *slice = series__slice(s, i);

		if (i == without || !slice->steps)
			continue;
		ret->steps += slice->steps;
		ret->own_ns += slice->own_ns;
		ret->n_slices++;
		for (size_t k = 0; k < slice->n_parts; k++)
			ret->hist[slice->parts[k].bucket] += slice->parts[k].count;
	}
}

static double log_mean(const struct sums *sums)
{
	return log(fmax((double)sums->own_ns, 1) / (double)sums->steps);
}

static double log_p95(const struct sums *sums)
{
	/* The last bucket has no end of its own; any bound will do that no step reaches. */
	const uint64_t no_end_ns = 2ULL << LS_HIST_MAX_SHIFT;
	const uint64_t max_ns = hist__max_since_ns(sums->hist, no_end_ns, no_end_ns);

	return log(fmax((double)hist__percentile_ns(sums->hist, P95, max_ns), 1));
}

/* The ratio estimator's variance with slices as clusters. */
static double mean_variance(const struct series *s, size_t n_slices, const struct sums *sums)
{
	double mean = (double)sums->own_ns / (double)sums->steps, sum = 0, d;

	for (size_t i = 0; i < n_slices; i++) {
		const struct slice *slice = series__slice(s, i);

		d = (double)slice->own_ns - mean * (double)slice->steps;
		sum += d * d;
	}
	return sum / ((double)sums->own_ns * (double)sums->own_ns + 1) * (double)sums->n_slices /
		(double)(sums->n_slices - 1);
}

/* Jackknife over the slices. */
static double p95_variance(const struct series *s, size_t n_slices, const struct sums *all)
{
	double logs[RUN_MAX_SLICES], mean = 0, sum = 0;
	struct sums sums;
	size_t n = 0;

	for (size_t i = 0; i < n_slices; i++) {
		if (!series__slice(s, i)->steps)
			continue;
		sums__of(s, n_slices, i, &sums);
		logs[n] = log_p95(&sums);
		mean += logs[n++] / (double)all->n_slices;
	}
	for (size_t i = 0; i < n; i++)
		sum += (logs[i] - mean) * (logs[i] - mean);
	return sum * (double)(n - 1) / (double)n;
}

bool sums__is_enough(const struct sums *sums, bool is_stalls)
{
	return sums->steps >= (is_stalls ? ESTIMATE_MIN_STALLS : ESTIMATE_MIN_STEPS) &&
		sums->n_slices >= ESTIMATE_MIN_SLICES;
}

struct estimate estimate__of(const struct series *s, size_t n_slices, const struct sums *sums,
			     enum measure measure)
{
	if (measure == MEASURE_MEAN)
		return (struct estimate){ log_mean(sums), mean_variance(s, n_slices, sums) };
	return (struct estimate){ log_p95(sums), p95_variance(s, n_slices, sums) };
}

struct gap gap__between(const struct estimate *before, size_t n, const struct estimate *after)
{
	const double prior = ESTIMATE_PRIOR_SD * ESTIMATE_PRIOR_SD;
	const double df = ESTIMATE_PRIOR_RUNS + (double)n - 1;
	double mean = 0, within = 0, between = 0, variance;

	for (size_t i = 0; i < n; i++) {
		mean += before[i].log / (double)n;
		within += before[i].variance / (double)n;
	}
	for (size_t i = 0; i < n; i++)
		between += (before[i].log - mean) * (before[i].log - mean);
	variance = (ESTIMATE_PRIOR_RUNS * (prior + within) + between) / df;
	return (struct gap){
		.before = mean,
		.after = after->log,
		.shift = after->log - mean,
		.error = sqrt(variance / (double)n + variance + fmax(0, after->variance - within)),
		.df = df,
	};
}

double gap__reach(const struct gap *gap)
{
	return student_quantile(0.025, gap->df) * gap->error;
}

double gap__chance(const struct gap *gap, enum measure measure, double max_regression)
{
	const double granted = log1p(max_regression) + (measure == MEASURE_P95 ? BUCKET_WIDTH : 0);

	return student_upper((gap->shift - granted) / gap->error, gap->df);
}
