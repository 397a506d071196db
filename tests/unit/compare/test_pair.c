/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two runs compared in both directions: simulated programs with a fixed seed, and what is known by
 * its stalls alone.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "compare/compare.h"
#include "compare/pair.h"
#include "compare/simulate.h"
#include "../deadline.h"

#define PROGRAMS 300
#define THRESHOLD_NS (10 * NS_PER_MS)

/* What the list says of the first coroutine, and of any. */
struct said {
	size_t worse, better, any;
};

static struct said said_of(size_t seed, double factor)
{
	struct random rng = { { (unsigned short)seed, 1, 2 } };
	struct said said = {};

	for (size_t i = 0; i < PROGRAMS; i++) {
		struct run *before = simulate_run(&rng, 1), *after = simulate_run(&rng, factor);
		struct pair_list p = {};
		bool is_any = false;

		cr_assert_eq(pair_list__add(&p, before, after, PAIR_STEPS, NULL, NULL), 0);
		cr_assert_eq(pair_list__judge(&p), 0);
		cr_assert_eq(p.n, COROUTINES);
		for (size_t k = 0; k < p.n; k++) {
			const struct pair_row *row = &p.rows[k];

			cr_assert_not_null(row->decisive);
			is_any = is_any || row->is_changed;
			if (!row->is_changed ||
			    strcmp(series__name(pair_row__series(row)), names[0]))
				continue;
			said.worse += row->decisive->is_worse;
			said.better += !row->decisive->is_worse;
		}
		said.any += is_any;
		pair_list__done(&p);
		run__free(before);
		run__free(after);
	}
	if (getenv("COMPARE_SHOW"))
		fprintf(stderr, "factor %g: worse %zu, better %zu, any %zu of %d\n", factor,
			said.worse, said.better, said.any, PROGRAMS);
	return said;
}

TEST_WITHIN(300, pair, unchanged_programs_are_the_same)
{
	cr_expect_leq(said_of(1, 1).any, PROGRAMS / 50);
}

TEST_WITHIN(300, pair, slower_and_faster_programs_are_found)
{
	cr_expect_geq(said_of(2, 1.5).worse, PROGRAMS * 95 / 100);
	cr_expect_geq(said_of(3, 1 / 1.5).better, PROGRAMS * 95 / 100);
}

/* A run of `slices` seconds in which a callback stalls in a regular way. */
static struct run *stalling_run(size_t slices, uint64_t steps_per_s, int stalls_per_s, uint64_t ns)
{
	struct run *run = run__new();

	cr_assert_not_null(run);
	run->threshold_ns = THRESHOLD_NS;
	run->duration_ns = slices * NS_PER_S;
	run->steps = slices * steps_per_s;
	for (size_t i = 0; i < slices; i++) {
		for (int k = 0; k < stalls_per_s; k++)
			series__add_one(run__site(run, "refresh", "app/web.py", 2), ns);
		cr_assert_geq(run__cut(run), 0);
	}
	return run;
}

/* -1: better, 0: no change, 1: worse. */
static int compare(struct run *before, struct run *after, struct pair_test *ret_test)
{
	struct pair_list p = {};
	int change = 0;

	cr_assert_eq(pair_list__add(&p, before, after, PAIR_STALLS, NULL, NULL), 0);
	cr_assert_eq(pair_list__judge(&p), 0);
	cr_assert_leq(p.n, 1);
	if (p.n && p.rows[0].is_changed)
		change = p.rows[0].decisive->is_worse ? 1 : -1;
	if (ret_test) {
		cr_assert(p.n && p.rows[0].decisive);
		*ret_test = *p.rows[0].decisive;
	}
	pair_list__done(&p);
	run__free(before);
	run__free(after);
	return change;
}

Test(pair, stalls_that_take_longer)
{
	struct pair_test test;

	cr_expect_eq(compare(stalling_run(10, 500, 2, 20 * NS_PER_MS),
			     stalling_run(10, 500, 2, 30 * NS_PER_MS), &test),
		     1);
	cr_expect_float_eq(test.ratio, 1.5, 0.01);
	cr_expect(test.low < 1.5 && test.high > 1.5 && test.low > 1.2);
	cr_expect_eq(compare(stalling_run(10, 500, 2, 30 * NS_PER_MS),
			     stalling_run(10, 500, 2, 20 * NS_PER_MS), &test),
		     -1);
	cr_expect_float_eq(test.ratio, 1 / 1.5, 0.01);
	cr_expect_eq(compare(stalling_run(10, 500, 2, 20 * NS_PER_MS),
			     stalling_run(10, 500, 2, 21 * NS_PER_MS), NULL),
		     0);
}

Test(pair, stalls_that_come_more_often)
{
	struct pair_test test;

	cr_expect_eq(compare(stalling_run(15, 500, 2, 20 * NS_PER_MS),
			     stalling_run(10, 500, 9, 20 * NS_PER_MS), &test),
		     1);
	cr_expect_float_eq(test.ratio, 4.5, 0.01);
	cr_expect_eq(compare(stalling_run(10, 500, 9, 20 * NS_PER_MS),
			     stalling_run(15, 500, 2, 20 * NS_PER_MS), &test),
		     -1);
	cr_expect_float_eq(test.ratio, 1 / 4.5, 0.01);
}

Test(pair, stalls_of_one_run_alone)
{
	struct pair_test test;

	cr_expect_eq(compare(stalling_run(10, 500, 0, 0), stalling_run(10, 500, 2, 20 * NS_PER_MS),
			     &test),
		     1);
	cr_expect_eq(test.ratio, 0);
	cr_expect_eq(compare(stalling_run(10, 500, 2, 20 * NS_PER_MS), stalling_run(10, 500, 0, 0),
			     &test),
		     -1);
	cr_expect(isinf(test.ratio));
	/* Two stalls are too few. */
	cr_expect_eq(compare(stalling_run(10, 500, 0, 0), stalling_run(2, 2500, 1, 20 * NS_PER_MS),
			     NULL),
		     0);
}

/* The same program in a busier hour, and with a new task of many small steps. */
Test(pair, neither_more_load_nor_more_steps_make_it_worse)
{
	cr_expect_eq(compare(stalling_run(10, 500, 2, 20 * NS_PER_MS),
			     stalling_run(10, 2000, 8, 20 * NS_PER_MS), NULL),
		     0);
	cr_expect_eq(compare(stalling_run(10, 500, 4, 20 * NS_PER_MS),
			     stalling_run(10, 5000, 4, 20 * NS_PER_MS), NULL),
		     0);
}

/* What takes 9.9 ms in one run and 10.1 ms in the other is a stall in one of them alone. */
Test(pair, a_stall_at_the_threshold_is_neither_new_nor_gone)
{
	cr_expect_eq(compare(stalling_run(10, 500, 0, 0),
			     stalling_run(10, 500, 10, THRESHOLD_NS + 1), NULL),
		     0);
	cr_expect_eq(compare(stalling_run(10, 500, 10, THRESHOLD_NS + 1),
			     stalling_run(10, 500, 0, 0), NULL),
		     0);
}

/* Ten stalls in one second of ten say less than one in each. */
Test(pair, a_burst_counts_less)
{
	struct run *before = stalling_run(10, 500, 0, 0), *after = stalling_run(9, 500, 0, 0);

	for (int k = 0; k < 10; k++)
		series__add_one(run__site(after, "refresh", "app/web.py", 2), 20 * NS_PER_MS);
	cr_assert_geq(run__cut(after), 0);
	after->duration_ns = before->duration_ns;
	after->steps = before->steps;
	cr_expect_eq(compare(before, after, NULL), 0);
	cr_expect_eq(compare(stalling_run(10, 500, 0, 0), stalling_run(10, 500, 1, 20 * NS_PER_MS),
			     NULL),
		     1);
}

static bool is_refused(void *ctx, const struct series *s)
{
	cr_expect_str_eq(series__name(s), ctx);
	return false;
}

Test(pair, what_the_filter_refuses_is_not_compared)
{
	struct run *before = stalling_run(10, 500, 2, 20 * NS_PER_MS);
	struct run *after = stalling_run(10, 500, 9, 20 * NS_PER_MS);
	struct pair_list p = {};

	cr_assert_eq(pair_list__add(&p, before, after, PAIR_STALLS, is_refused, (char *)"refresh"),
		     0);
	cr_expect_eq(p.n, 0);
	pair_list__done(&p);
	run__free(before);
	run__free(after);
}

Test(pair, too_few_steps_are_rare_and_the_unimportant_is_not)
{
	struct run *runs[PAIR_SIDES];
	struct pair_list p = {};

	for (size_t i = 0; i < PAIR_SIDES; i++) {
		runs[i] = run__new();
		for (int slice = 0; slice < 5; slice++) {
			series__add_one(run__coroutine(runs[i], "rare", "app/web.py"), NS_PER_S);
			series__add_one(run__coroutine(runs[i], "tiny", "app/web.py"), 1);
			cr_assert_geq(run__cut(runs[i]), 0);
		}
		runs[i]->own_ns = 5 * NS_PER_S;
	}
	cr_assert_eq(pair_list__add(&p, runs[0], runs[1], PAIR_STEPS, NULL, NULL), 0);
	cr_assert_eq(pair_list__judge(&p), 0);
	cr_assert_eq(p.n, 2);
	for (size_t i = 0; i < p.n; i++) {
		cr_expect_null(p.rows[i].decisive);
		cr_expect_eq(p.rows[i].is_rare,
			     !strcmp(series__name(pair_row__series(&p.rows[i])), "rare"));
	}
	pair_list__done(&p);
	run__free(runs[0]);
	run__free(runs[1]);
}
