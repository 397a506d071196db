/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A share of a core, with some time saved up.
 */
#include <criterion/criterion.h>

#include "base/time.h"
#include "session/allowance.h"

#define BEGIN (100 * NS_PER_S)

static struct allowance make(void)
{
	struct allowance a;

	allowance__init(&a, 0.02, 200 * NS_PER_MS, BEGIN);
	return a;
}

Test(session_allowance, is_saved_up_at_the_beginning)
{
	struct allowance a = make();

	cr_expect(allowance__has(&a, BEGIN));
	allowance__spend(&a, 199 * NS_PER_MS);
	cr_expect(allowance__has(&a, BEGIN));
	cr_expect_eq(allowance__due_ns(&a, BEGIN), BEGIN);
	allowance__spend(&a, NS_PER_MS);
	cr_expect_not(allowance__has(&a, BEGIN));
}

Test(session_allowance, comes_back_with_time)
{
	struct allowance a = make();

	allowance__spend(&a, 220 * NS_PER_MS);
	cr_expect_not(allowance__has(&a, BEGIN + 500 * NS_PER_MS));
	cr_expect_float_eq((double)allowance__due_ns(&a, BEGIN + 500 * NS_PER_MS),
			   (double)(BEGIN + NS_PER_S), 1e6);
	cr_expect(allowance__has(&a, BEGIN + NS_PER_S + NS_PER_MS));
}

Test(session_allowance, is_not_lost_in_small_steps)
{
	struct allowance a = make();

	allowance__spend(&a, 200 * NS_PER_MS);
	for (uint64_t ns = 1; ns < 40; ns++)
		cr_expect_not(allowance__has(&a, BEGIN + ns), "after %lu ns", ns);
	cr_expect(allowance__has(&a, BEGIN + 60));
}

Test(session_allowance, no_more_than_the_most_is_saved_up)
{
	struct allowance a = make();

	cr_expect(allowance__has(&a, BEGIN + 3600 * NS_PER_S));
	allowance__spend(&a, 200 * NS_PER_MS);
	cr_expect_not(allowance__has(&a, BEGIN + 3600 * NS_PER_S));
}

Test(session_allowance, a_minute_costs_its_share)
{
	struct allowance a = make();
	uint64_t spent_ns = 0;

	for (uint64_t ms = 0; ms < 60000; ms++) {
		if (!allowance__has(&a, BEGIN + ms * NS_PER_MS))
			continue;
		allowance__spend(&a, NS_PER_MS / 2);
		spent_ns += NS_PER_MS / 2;
	}
	cr_expect_float_eq((double)spent_ns, 0.2e9 + 0.02 * 60e9, 2e6);
}
