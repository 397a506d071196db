/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of a storm is told, as the kernel side decides it.
 */
#include "fake_memory.h"
#include "core/state.h"

static struct ls_budgets budgets;
static struct ls_settings settings;

#include "../../../bpf/stall/report_budget.h"

#include <criterion/criterion.h>

#define MS 1000000ULL
#define START (1000 * SECOND_NS)

static struct ls_coro_stats busy, seldom;

static void setup(void)
{
	fake_reset();
	budgets = (struct ls_budgets){ 0 };
	settings = (struct ls_settings){ .stall_price_ns = SECOND_NS / 300,
					 .sample_price_ns = SECOND_NS / 4000 };
	memset(&busy, 0, sizeof(busy));
	memset(&seldom, 0, sizeof(seldom));
}

TestSuite(budget, .init = setup);

/* A storm of one coroutine, 10 000 a second, of which so many are told. */
static int storm(__u64 from_ns, __u64 seconds)
{
	int told = 0;

	for (__u64 i = 0; i < 10000 * seconds; i++)
		told += stall_is_reported(&busy, MS / 10, from_ns + i * MS / 10);
	return told;
}

Test(budget, all_are_told_as_long_as_there_are_few)
{
	for (__u64 i = 0; i < 10000; i++)
		cr_assert(stall_is_reported(&busy, MS, START + i * SECOND_NS / 250), "the %llu-th",
			  (unsigned long long)i);
}

Test(budget, a_storm_is_told_at_its_rate_behind_a_burst)
{
	int first = storm(START, 1), then = storm(START + SECOND_NS, 10);

	cr_expect(first >= 1150 && first <= 1210, "%d", first);
	cr_expect(then >= 2980 && then <= 3040, "%d", then);
	/* Quiet for a while, and all of the burst is there again. */
	cr_expect_geq(storm(START + 30 * SECOND_NS, 1), 1150);
}

Test(budget, without_a_price_all_are_told)
{
	settings.stall_price_ns = 0;
	cr_expect_eq(storm(START, 2), 20000);
}

Test(budget, one_of_each_coroutine_is_told_in_a_while)
{
	int told = 0;

	for (__u64 second = 0; second < 20; second++) {
		storm(START + second * SECOND_NS, 1);
		told += stall_is_reported(&seldom, MS / 10, START + (second + 1) * SECOND_NS);
	}
	cr_expect_eq(told, 20);
}

Test(budget, many_coroutines_are_told_at_their_own_rate)
{
	struct ls_coro_stats *many = calloc(LS_MAX_COROUTINES, sizeof(*many));
	int told = 0;

	cr_assert_not_null(many);
	storm(START, 10);
	for (__u64 second = 10; second < 40; second++)
		for (__u64 i = 0; i < LS_MAX_COROUTINES; i++)
			told += stall_is_reported(&many[i], MS / 10,
						  START + second * SECOND_NS +
							  i * SECOND_NS / LS_MAX_COROUTINES);
	/* Each once, and from then on 200 a second, beside the 300 of all. */
	cr_expect_geq(told, LS_MAX_COROUTINES);
	cr_expect_leq(told, LS_MAX_COROUTINES + 30 * 510);
	free(many);
}

Test(budget, what_is_much_longer_than_all_others_is_told)
{
	storm(START, 5);
	cr_expect(stall_is_reported(&busy, 50 * MS, START + 5 * SECOND_NS - 1));
	/* Of the same second: not twice as long. */
	cr_expect_not(stall_is_reported(&busy, 60 * MS, START + 5 * SECOND_NS - 1));
}

Test(budget, a_clock_of_another_cpu_may_be_behind)
{
	storm(START, 5);
	for (__u64 i = 0; i < 1000; i++)
		if (stall_is_reported(&busy, MS / 10, START + 5 * SECOND_NS - (i & 1) * 1000))
			cr_expect_lt(i, 2);
}

Test(budget, samples_have_their_own)
{
	int told = 0;

	for (__u64 i = 0; i < 200000; i++)
		told += sample_is_sent(START + i * MS / 20);
	/* 20 000 a second for ten seconds. */
	cr_expect(told >= 43900 && told <= 44100, "%d", told);
	cr_expect(stall_is_reported(&busy, MS, START + 10 * SECOND_NS));
}
