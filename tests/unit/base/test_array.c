/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Growing arrays: what they keep, how they grow, and what a failed allocation leaves.
 */
#include "base/array.h"

#include <stdint.h>

#include <criterion/criterion.h>

Test(array, number_of_elements)
{
	static const uint64_t words[7];
	static const char *const texts[] = { "a", "b", "c" };

	cr_expect_eq(N_OF(words), 7);
	cr_expect_eq(N_OF(texts), 3);
}

Test(array, keeps_its_elements_while_it_grows)
{
	uint32_t *items = NULL;
	size_t n = 0, size = 0;

	while (n < 1000) {
		cr_assert_eq(ARRAY_RESERVE(items, size, n + 1), 0);
		cr_assert_geq(size, n + 1);
		items[n] = (uint32_t)n;
		n++;
	}
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(items[i], i);
	free(items);
}

Test(array, doubles_and_is_left_alone_while_there_is_room)
{
	char *items = NULL, *before;
	size_t size = 0;

	cr_assert_eq(ARRAY_RESERVE(items, size, 1), 0);
	cr_expect_eq(size, ARRAY_FIRST_SIZE);
	before = items;
	cr_assert_eq(ARRAY_RESERVE(items, size, ARRAY_FIRST_SIZE), 0);
	cr_expect_eq(items, before);
	cr_expect_eq(size, ARRAY_FIRST_SIZE);
	cr_assert_eq(ARRAY_RESERVE(items, size, ARRAY_FIRST_SIZE + 1), 0);
	cr_expect_eq(size, 2 * ARRAY_FIRST_SIZE);
	cr_assert_eq(ARRAY_RESERVE(items, size, 10 * ARRAY_FIRST_SIZE), 0);
	cr_expect_eq(size, 16 * ARRAY_FIRST_SIZE);
	free(items);
}

Test(array, failed_allocation_changes_nothing)
{
	uint64_t *items = NULL, *before;
	size_t size = 0;

	cr_assert_eq(ARRAY_RESERVE(items, size, 1), 0);
	items[0] = 42;
	before = items;
	/* So many bytes that they do not fit into a size_t. */
	cr_expect_eq(ARRAY_RESERVE(items, size, SIZE_MAX / 4), -ENOMEM);
	cr_expect_eq(items, before);
	cr_expect_eq(size, ARRAY_FIRST_SIZE);
	cr_expect_eq(items[0], 42);
	free(items);
}
