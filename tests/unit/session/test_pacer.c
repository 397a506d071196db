/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What costs CPU time is repeated at its pace, or less often.
 */
#include <criterion/criterion.h>

#include "session/pacer.h"

Test(session_pacer, keeps_its_pace_while_it_costs_little)
{
	const struct pacer p = { .pace_ns = 1000, .cost_factor = 33 };

	cr_expect_eq(pacer__next_ns(&p, 5000, 0), 6000);
	cr_expect_eq(pacer__next_ns(&p, 5000, 30), 6000);
}

Test(session_pacer, comes_less_often_when_it_is_expensive)
{
	const struct pacer p = { .pace_ns = 1000, .cost_factor = 33 };

	cr_expect_eq(pacer__next_ns(&p, 5000, 100), 5000 + 3300);
}

Test(session_pacer, has_a_longest_interval_that_the_pace_may_exceed)
{
	const struct pacer p = { .pace_ns = 1000, .cost_factor = 33, .longest_ns = 2000 };
	const struct pacer slow = { .pace_ns = 3000, .cost_factor = 33, .longest_ns = 2000 };

	cr_expect_eq(pacer__next_ns(&p, 5000, 100), 7000);
	cr_expect_eq(pacer__next_ns(&slow, 5000, 100), 8000);
}
