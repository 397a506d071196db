/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See compare.h for the statistics.
 */
#include "compare/compare.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "compare/estimate.h"

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

static void test(const struct gap *gap, double max_regression, struct comparison *c)
{
	const double reach = gap__reach(gap);
	const enum measure measure = c->what == COMPARE_MEAN ? MEASURE_MEAN : MEASURE_P95;

	c->before_ns = exp(gap->before);
	c->after_ns = exp(gap->after);
	c->ratio = exp(gap->shift);
	c->low = exp(gap->shift - reach);
	c->high = exp(gap->shift + reach);
	c->p = gap__chance(gap, measure, max_regression);
}

/* What the baseline says of a series. */
struct history {
	size_t n; /* runs with enough of it */
	size_t n_known; /* runs that have it at all */
	struct estimate estimates[MEASURE_MAX][BASELINE_MAX_RUNS];
};

static void history__fill(struct history *h, const struct baseline *b, const struct run *run,
			  const struct series *s, bool is_site)
{
	enum measure measure;
	struct sums sums;

	*h = (struct history){};
	for (size_t i = 0; i < b->n; i++) {
		const struct run *r = b->runs[i];
		const struct series *old;

		if (!is_comparable(r, run, is_site))
			continue;
		old = run__find(is_site ? r->sites : r->coroutines, s);
		if (!old)
			continue;
		h->n_known++;
		sums__of(old, r->n_slices, SIZE_MAX, &sums);
		if (!sums__is_enough(&sums, is_site))
			continue;
		for (measure = 0; measure < MEASURE_MAX; measure++)
			h->estimates[measure][h->n] =
				estimate__of(old, r->n_slices, &sums, measure);
		h->n++;
	}
}

static int compare_series(struct comparisons *cs, const struct baseline *b, const struct run *run,
			  const struct series *s, bool is_site, double max_regression)
{
	enum measure measure;
	struct history h;
	struct sums now;

	sums__of(s, run->n_slices, SIZE_MAX, &now);
	if (!now.steps)
		return 0;
	history__fill(&h, b, run, s, is_site);
	if (is_site && !h.n_known && cs->has_sites)
		return compare_new_site(cs, b, run, s, &now);
	if ((double)now.own_ns < COMPARE_MIN_SHARE * (double)run->own_ns && !is_site)
		return 0;
	if (!h.n || !sums__is_enough(&now, is_site)) {
		cs->n_untested++;
		return 0;
	}
	for (measure = 0; measure < MEASURE_MAX; measure++) {
		const enum compare_what what = measure == MEASURE_MEAN ? COMPARE_MEAN : COMPARE_P95;
		struct comparison *c = add(cs, s, is_site, what, &now);
		struct estimate after = estimate__of(s, run->n_slices, &now, measure);
		struct gap gap;

		if (!c)
			return -ENOMEM;
		gap = gap__between(h.estimates[measure], h.n, &after);
		test(&gap, max_regression, c);
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
