/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See compare.h for the statistics.
 */
#include "check/compare.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "check/student.h"
#include "model/hist.h"

#define BUCKET_WIDTH log(1.125) /* at most */
#define P95 95

/* One run's value of one measure, as a logarithm. */
struct estimate {
	double log;
	double variance; /* of `log`, from the slices */
};

/* Sums over a series. */
struct sums {
	uint64_t steps, own_ns;
	size_t n_slices; /* with steps in them */
	uint32_t hist[LS_HIST_BUCKETS];
};

static void sums_of(const struct series *s, size_t n_slices, size_t without, struct sums *ret)
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
	double logs[CHECK_MAX_SLICES], mean = 0, sum = 0;
	struct sums sums;
	size_t n = 0;

	for (size_t i = 0; i < n_slices; i++) {
		if (!series__slice(s, i)->steps)
			continue;
		sums_of(s, n_slices, i, &sums);
		logs[n] = log_p95(&sums);
		mean += logs[n++] / (double)all->n_slices;
	}
	for (size_t i = 0; i < n; i++)
		sum += (logs[i] - mean) * (logs[i] - mean);
	return sum * (double)(n - 1) / (double)n;
}

/* False if this run has too few of its steps or stalls. */
static bool is_enough(const struct sums *sums, bool is_site)
{
	return sums->steps >= (is_site ? COMPARE_MIN_STALLS : COMPARE_MIN_STEPS) &&
		sums->n_slices >= COMPARE_MIN_SLICES;
}

static struct estimate estimate_of(const struct series *s, size_t n_slices, const struct sums *sums,
				   enum compare_what what)
{
	if (what == COMPARE_MEAN)
		return (struct estimate){ log_mean(sums), mean_variance(s, n_slices, sums) };
	return (struct estimate){ log_p95(sums), p95_variance(s, n_slices, sums) };
}

static void test(const struct estimate *before, size_t n, const struct estimate *after,
		 double max_regression, struct comparison *c)
{
	const double prior = COMPARE_PRIOR_SD * COMPARE_PRIOR_SD;
	const double df = COMPARE_PRIOR_RUNS + (double)n - 1;
	double mean = 0, within = 0, between = 0, variance, error, shift, reach;

	for (size_t i = 0; i < n; i++) {
		mean += before[i].log / (double)n;
		within += before[i].variance / (double)n;
	}
	for (size_t i = 0; i < n; i++)
		between += (before[i].log - mean) * (before[i].log - mean);
	variance = (COMPARE_PRIOR_RUNS * (prior + within) + between) / df;
	error = sqrt(variance / (double)n + variance + fmax(0, after->variance - within));
	shift = after->log - mean;
	reach = student_quantile(0.025, df) * error;
	c->before_ns = exp(mean);
	c->after_ns = exp(after->log);
	c->ratio = exp(shift);
	c->low = exp(shift - reach);
	c->high = exp(shift + reach);
	shift -= log1p(max_regression);
	if (c->what == COMPARE_P95)
		shift -= BUCKET_WIDTH;
	c->p = student_upper(shift / error, df);
}

static struct comparison *add(struct comparisons *cs, const struct series *s, bool is_site,
			      enum compare_what what, const struct sums *sums)
{
	struct comparison *list = reallocarray(cs->list, cs->n + 1, sizeof(*list));
	struct comparison *c;

	if (!list)
		return NULL;
	cs->list = list;
	c = &list[cs->n++];
	*c = (struct comparison){
		.what = what,
		.is_site = is_site,
		.series = s,
		.steps = sums->steps,
		.own_ns = sums->own_ns,
		.p = 1,
	};
	return c;
}

/* Was it counted in this run of the baseline as it is now? */
static bool is_comparable(const struct run *before, const struct run *run, bool is_site)
{
	return !is_site || before->threshold_ns <= run->threshold_ns;
}

static int compare_new_site(struct comparisons *cs, const struct baseline *b, const struct run *run,
			    const struct series *s, const struct sums *sums)
{
	struct comparison *c = add(cs, s, true, COMPARE_NEW_SITE, sums);
	double steps = 0;

	if (!c)
		return -ENOMEM;
	for (size_t i = 0; i < b->n; i++)
		if (is_comparable(b->runs[i], run, true))
			steps += (double)b->runs[i]->steps;
	if (steps > 0 && run->steps)
		c->p = pow((double)run->steps / ((double)run->steps + steps), (double)sums->steps);
	return 0;
}

static int compare_series(struct comparisons *cs, const struct baseline *b, const struct run *run,
			  const struct series *s, bool is_site, double max_regression)
{
	struct estimate before[BASELINE_MAX_RUNS][2];
	struct estimate columns[2][BASELINE_MAX_RUNS];
	struct sums sums, now;
	size_t n = 0, known = 0;
	enum compare_what what;

	sums_of(s, run->n_slices, SIZE_MAX, &now);
	if (!now.steps)
		return 0;
	for (size_t i = 0; i < b->n; i++) {
		const struct run *r = b->runs[i];
		const struct series *old;

		if (!is_comparable(r, run, is_site))
			continue;
		old = run__find(is_site ? r->sites : r->coroutines, s);
		if (!old)
			continue;
		known++;
		sums_of(old, r->n_slices, SIZE_MAX, &sums);
		if (!is_enough(&sums, is_site))
			continue;
		for (what = COMPARE_MEAN; what <= COMPARE_P95; what++)
			before[n][what] = estimate_of(old, r->n_slices, &sums, what);
		n++;
	}
	if (is_site && !known && cs->has_sites)
		return compare_new_site(cs, b, run, s, &now);
	if ((double)now.own_ns < COMPARE_MIN_SHARE * (double)run->own_ns && !is_site)
		return 0;
	if (!n || !is_enough(&now, is_site)) {
		cs->n_untested++;
		return 0;
	}
	for (what = COMPARE_MEAN; what <= COMPARE_P95; what++) {
		struct comparison *c = add(cs, s, is_site, what, &now);
		struct estimate after = estimate_of(s, run->n_slices, &now, what);

		if (!c)
			return -ENOMEM;
		for (size_t i = 0; i < n; i++)
			columns[what][i] = before[i][what];
		test(columns[what], n, &after, max_regression, c);
	}
	return 0;
}

static int by_p(const void *va, const void *vb)
{
	const struct comparison *a = va, *b = vb;

	return (a->p > b->p) - (a->p < b->p);
}

static int by_weight(const void *va, const void *vb)
{
	const struct comparison *a = va, *b = vb;
	const bool is_a_new = a->what == COMPARE_NEW_SITE, is_b_new = b->what == COMPARE_NEW_SITE;

	if (is_a_new != is_b_new)
		return is_b_new - is_a_new;
	if (is_a_new && a->own_ns != b->own_ns)
		return (a->own_ns < b->own_ns) - (a->own_ns > b->own_ns);
	if (a->ratio != b->ratio)
		return (a->ratio < b->ratio) - (a->ratio > b->ratio);
	return by_p(va, vb);
}

static void holm(struct comparisons *cs)
{
	double p, highest = 0;

	qsort(cs->list, cs->n, sizeof(*cs->list), by_p);
	for (size_t i = 0; i < cs->n; i++) {
		struct comparison *c = &cs->list[i];

		p = fmin(1, c->p * (double)(cs->n - i));
		highest = fmax(highest, p);
		c->p_holm = highest;
		c->is_worse = highest < COMPARE_ALPHA &&
			(c->what == COMPARE_NEW_SITE ||
			 c->after_ns - c->before_ns >= COMPARE_RESOLUTION_NS);
	}
	qsort(cs->list, cs->n, sizeof(*cs->list), by_weight);
}

int compare__run(const struct baseline *b, const struct run *run, double max_regression,
		 struct comparisons *ret)
{
	struct comparisons cs = {};
	const struct series *s;
	int r = 0;

	for (size_t i = 0; i < b->n; i++)
		cs.has_sites = cs.has_sites || is_comparable(b->runs[i], run, true);
	for (s = run->coroutines; s && !r; s = series__next(s))
		r = compare_series(&cs, b, run, s, false, max_regression);
	for (s = run->sites; s && !r && cs.has_sites; s = series__next(s))
		r = compare_series(&cs, b, run, s, true, max_regression);
	if (r < 0) {
		comparisons__done(&cs);
		return r;
	}
	if (cs.n)
		holm(&cs);
	*ret = cs;
	return 0;
}

void comparisons__done(struct comparisons *c)
{
	free(c->list);
	*c = (struct comparisons){};
}
