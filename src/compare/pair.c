/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See pair.h for the statistics.
 */
#include "compare/pair.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "compare/compare.h"
#include "compare/estimate.h"
#include "compare/student.h"

/* Both runs, and what both counted. */
struct runs {
	const struct run *side[PAIR_SIDES];
	uint64_t threshold_ns; /* from which both counted stalls */
};

/* The sums of a series on both sides; all 0 where a run does not have it. */
struct both {
	struct sums sums[PAIR_SIDES];
	const struct series *series[PAIR_SIDES];
};

static enum pair_side other(enum pair_side side)
{
	return side == PAIR_BEFORE ? PAIR_AFTER : PAIR_BEFORE;
}

/* How often, as one side has it. */
struct rate {
	double stalls;
	double dispersion; /* variance by mean of the number in a slice, at least 1 */
};

static double stalls_from(const struct slice *slice, uint64_t from_ns)
{
	const uint32_t first = ls_hist_index(from_ns);
	double n = 0;

	for (size_t i = 0; i < slice->n_parts; i++)
		if (slice->parts[i].bucket >= first)
			n += slice->parts[i].count;
	return n;
}

static struct rate rate_of(const struct series *s, const struct run *run, uint64_t from_ns)
{
	double counts[RUN_MAX_SLICES], mean, variance = 0;
	struct rate rate = { 0, 1 };
	const size_t n = run->n_slices;

	for (size_t i = 0; s && i < n; i++) {
		counts[i] = stalls_from(series__slice(s, i), from_ns);
		rate.stalls += counts[i];
	}
	if (rate.stalls <= 0 || n < 2)
		return rate;
	mean = rate.stalls / (double)n;
	for (size_t i = 0; i < n; i++)
		variance += (counts[i] - mean) * (counts[i] - mean) / (double)(n - 1);
	rate.dispersion = fmax(1, variance / mean);
	return rate;
}

/* The part of both runs that this side is, by steps or by time, whichever is larger. */
static double share_of(const struct runs *runs, enum pair_side side)
{
	const struct run *a = runs->side[side], *b = runs->side[other(side)];
	double share = 0.5;

	if (a->duration_ns && b->duration_ns)
		share = (double)a->duration_ns / ((double)a->duration_ns + (double)b->duration_ns);
	if (a->steps && b->steps)
		share = fmax(share, (double)a->steps / ((double)a->steps + (double)b->steps));
	return share;
}

/*
 * Does `more` stall more often? A number of stalls is compared with one that is not 0 by the
 * logarithm of the rates.
 */
static void test_rate(const struct runs *runs, const struct both *both, enum pair_side more,
		      struct pair_test *test)
{
	const uint64_t firm_ns = (uint64_t)((double)runs->threshold_ns * PAIR_MARGIN);
	const struct rate a = rate_of(both->series[more], runs->side[more], firm_ns),
			  b = rate_of(both->series[other(more)], runs->side[other(more)],
				      runs->threshold_ns);
	const double share = share_of(runs, more), prior = ESTIMATE_PRIOR_SD * ESTIMATE_PRIOR_SD;
	const bool is_worse = more == PAIR_AFTER;
	double shift, error, reach, p;

	if (a.stalls <= 0 || (b.stalls > 0 && a.stalls < ESTIMATE_MIN_STALLS))
		return;
	if (b.stalls <= 0) {
		p = pow(share, a.stalls / a.dispersion);
		*test = (struct pair_test){ .is_tested = true,
					    .ratio = is_worse ? 0 : INFINITY,
					    .is_worse = is_worse,
					    .p = p,
					    .p_holm = 1 };
		return;
	}
	shift = log(a.stalls / b.stalls) - log(share / (1 - share));
	error = sqrt(a.dispersion / a.stalls + b.dispersion / b.stalls + 2 * prior);
	p = student_upper((shift - log1p(PAIR_GRANTED_RATE)) / error, ESTIMATE_PRIOR_RUNS);
	if (test->is_tested && test->p <= p)
		return;
	reach = student_quantile(0.025, ESTIMATE_PRIOR_RUNS) * error;
	shift = is_worse ? shift : -shift;
	*test = (struct pair_test){
		.is_tested = true,
		.ratio = exp(shift),
		.low = exp(shift - reach),
		.high = exp(shift + reach),
		.is_worse = is_worse,
		.p = p,
		.p_holm = 1,
	};
}

/* Neither run is the good one: the direction in which they differ is tested. */
static void test_measure(const struct runs *runs, const struct both *both, enum measure measure,
			 struct pair_test *test)
{
	struct estimate e[PAIR_SIDES];
	struct gap gap;
	double reach, shift;
	bool is_worse;

	for (enum pair_side side = 0; side < PAIR_SIDES; side++)
		e[side] = estimate__of(both->series[side], runs->side[side]->n_slices,
				       &both->sums[side], measure);
	is_worse = e[PAIR_AFTER].log >= e[PAIR_BEFORE].log;
	gap = is_worse ? gap__between(&e[PAIR_BEFORE], 1, &e[PAIR_AFTER]) :
			 gap__between(&e[PAIR_AFTER], 1, &e[PAIR_BEFORE]);
	reach = gap__reach(&gap);
	shift = is_worse ? gap.shift : -gap.shift;
	*test = (struct pair_test){
		.is_tested = true,
		.is_percentile = measure == MEASURE_P95,
		.ratio = exp(shift),
		.low = exp(shift - reach),
		.high = exp(shift + reach),
		.is_worse = is_worse,
		.p = gap__chance(&gap, measure, PAIR_GRANTED),
		.p_holm = 1,
	};
	/* What the probes add to a step, and vary by. */
	if (exp(gap.after) - exp(gap.before) < COMPARE_RESOLUTION_NS)
		test->p = 1;
}

static bool is_worth_a_test(const struct runs *runs, const struct both *both)
{
	for (enum pair_side side = 0; side < PAIR_SIDES; side++)
		if ((double)both->sums[side].own_ns >=
		    COMPARE_MIN_SHARE * (double)runs->side[side]->own_ns)
			return true;
	return false;
}

static bool is_enough(const struct both *both, bool is_stalls)
{
	return sums__is_enough(&both->sums[PAIR_BEFORE], is_stalls) &&
		sums__is_enough(&both->sums[PAIR_AFTER], is_stalls);
}

static void test_row(const struct runs *runs, const struct both *both, enum pair_kind kind,
		     struct pair_row *row)
{
	const bool is_stalls = kind == PAIR_STALLS;
	enum measure measure;

	/*
	 * Of stalls the mean alone: most have too few for a percentile, and each test that is made
	 * costs the others some of their power.
	 */
	for (measure = 0; measure < (is_stalls ? MEASURE_P95 : MEASURE_MAX); measure++)
		if (is_enough(both, is_stalls) && (is_stalls || is_worth_a_test(runs, both)))
			test_measure(runs, both, measure,
				     &row->tests[measure == MEASURE_MEAN ? PAIR_MEAN : PAIR_P95]);
	for (enum pair_side side = 0; is_stalls && side < PAIR_SIDES; side++)
		test_rate(runs, both, side, &row->tests[PAIR_RATE]);
	row->is_rare = is_stalls || is_worth_a_test(runs, both);
	for (size_t i = 0; i < PAIR_MEASURES; i++)
		row->is_rare = row->is_rare && !row->tests[i].is_tested;
}

static int add_row(struct pair_list *p, const struct runs *runs, const struct both *both,
		   enum pair_kind kind)
{
	struct pair_row *row;

	if (ARRAY_RESERVE(p->rows, p->n_room, p->n + 1) < 0)
		return -ENOMEM;
	row = &p->rows[p->n++];
	*row = (struct pair_row){ .kind = kind, .series = { both->series[0], both->series[1] } };
	test_row(runs, both, kind, row);
	return 0;
}

/* What is added of two runs. */
struct choice {
	enum pair_kind kind;
	pair_filter_fn *filter;
	void *ctx;
};

/* The series of the later run, or those that the earlier one has alone. */
static int add_side(struct pair_list *p, const struct runs *runs, const struct choice *choice,
		    enum pair_side side)
{
	const enum pair_kind kind = choice->kind;
	struct series *tables[PAIR_SIDES];
	const struct series *s;
	int r = 0;

	for (enum pair_side k = 0; k < PAIR_SIDES; k++)
		tables[k] = kind == PAIR_STEPS ? runs->side[k]->coroutines : runs->side[k]->sites;
	for (s = tables[side]; s && !r; s = series__next(s)) {
		struct both both = {};

		both.series[side] = s;
		both.series[other(side)] = run__find(tables[other(side)], s);
		if (side == PAIR_BEFORE && both.series[PAIR_AFTER])
			continue;
		if (choice->filter && !choice->filter(choice->ctx, s))
			continue;
		for (enum pair_side k = 0; k < PAIR_SIDES; k++)
			if (both.series[k])
				sums__of(both.series[k], runs->side[k]->n_slices, SIZE_MAX,
					 &both.sums[k]);
		if (both.sums[PAIR_BEFORE].steps || both.sums[PAIR_AFTER].steps)
			r = add_row(p, runs, &both, kind);
	}
	return r;
}

int pair_list__add(struct pair_list *p, const struct run *before, const struct run *after,
		   enum pair_kind kind, pair_filter_fn *filter, void *ctx)
{
	const struct choice choice = { kind, filter, ctx };
	const struct runs runs = { { before, after },
				   before->threshold_ns > after->threshold_ns ?
					   before->threshold_ns :
					   after->threshold_ns };
	int r = add_side(p, &runs, &choice, PAIR_AFTER);

	return r ? r : add_side(p, &runs, &choice, PAIR_BEFORE);
}

static double weight_of(const struct pair_test *test)
{
	return test->is_percentile ? PAIR_P95_WEIGHT : 1;
}

static int by_weighted_p(const void *va, const void *vb)
{
	const struct pair_test *const *pa = va, *const *pb = vb;
	const double a = (*pa)->p / weight_of(*pa), b = (*pb)->p / weight_of(*pb);

	return (a > b) - (a < b);
}

/* Of equal news the mean is said, which is understood best, and the percentile last. */
static void decide(struct pair_row *row)
{
	static const enum pair_measure order[] = { PAIR_MEAN, PAIR_RATE, PAIR_P95 };

	for (size_t i = 0; i < N_OF(order); i++) {
		const struct pair_test *test = &row->tests[order[i]];
		const bool is_changed = test->is_tested && test->p_holm < COMPARE_ALPHA;

		if (!test->is_tested || (row->decisive && (row->is_changed || !is_changed)))
			continue;
		row->decisive = test;
		row->measure = order[i];
		row->is_changed = is_changed;
	}
}

int pair_list__judge(struct pair_list *p)
{
	_cleanup_free_ struct pair_test **tests = calloc(p->n * PAIR_MEASURES + 1, sizeof(*tests));
	double highest = 0, left = 0;
	size_t n = 0;

	if (!tests)
		return -ENOMEM;
	for (size_t i = 0; i < p->n; i++)
		for (size_t k = 0; k < PAIR_MEASURES; k++)
			if (p->rows[i].tests[k].is_tested)
				tests[n++] = &p->rows[i].tests[k];
	qsort(tests, n, sizeof(*tests), by_weighted_p);
	for (size_t i = 0; i < n; i++)
		left += weight_of(tests[i]);
	for (size_t i = 0; i < n; i++) {
		const double weight = weight_of(tests[i]);

		highest = fmax(highest, fmin(1, tests[i]->p * left / weight));
		tests[i]->p_holm = highest;
		left -= weight;
	}
	for (size_t i = 0; i < p->n; i++)
		decide(&p->rows[i]);
	return 0;
}

void pair_list__done(struct pair_list *p)
{
	free(p->rows);
	*p = (struct pair_list){};
}

const struct series *pair_row__series(const struct pair_row *row)
{
	return row->series[PAIR_AFTER] ?: row->series[PAIR_BEFORE];
}
