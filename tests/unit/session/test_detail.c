/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much is told, by what telling costs.
 */
#include <criterion/criterion.h>

#include "session/detail.h"

#define SECOND_NS 1000000000ULL
#define PERCENT_NS (SECOND_NS / 100)

Test(detail, stays_where_the_cost_is_fine)
{
	cr_expect_eq(detail_level(0, 0, SECOND_NS), 0);
	cr_expect_eq(detail_level(0, 5 * PERCENT_NS, SECOND_NS), 0);
	cr_expect_eq(detail_level(3, 4 * PERCENT_NS, SECOND_NS), 3);
}

Test(detail, falls_with_the_cost_and_comes_back)
{
	cr_expect_eq(detail_level(0, 7 * PERCENT_NS, SECOND_NS), 1);
	cr_expect_eq(detail_level(4, 99 * PERCENT_NS, SECOND_NS), 5);
	cr_expect_eq(detail_level(DETAIL_MAX_LEVEL, 99 * PERCENT_NS, SECOND_NS), DETAIL_MAX_LEVEL);
	cr_expect_eq(detail_level(2, PERCENT_NS, SECOND_NS), 1);
}

/*
 * Whatever a step costs, as long as that is told in halves: it does not swing for ever between two
 * levels.
 */
Test(detail, comes_to_rest)
{
	for (uint64_t whole = 0; whole < 200; whole++) {
		unsigned int level = 0, before = 0;

		for (int i = 0; i < 50; i++) {
			before = level;
			level = detail_level(level, (whole * PERCENT_NS) >> level, SECOND_NS);
		}
		cr_expect_eq(level, before, "with %d %% of a core at first", (int)whole);
	}
}
