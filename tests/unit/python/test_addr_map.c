/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map from addresses, also where a target chooses these so that they collide.
 */
#include <criterion/criterion.h>
#include <time.h>

#include "base/time.h"
#include "python/addr_map.h"
#include "../deadline.h"

#define N 200000
#define GOLDEN 0x9e3779b97f4a7c15ULL

Test(addr_map, keeps_the_first_value_of_an_address)
{
	struct addr_map map = { 0 };
	uint64_t value = 0;

	cr_assert_eq(addr_map__add(&map, 0x1000, 1), 0);
	cr_assert_eq(addr_map__add(&map, 0x1000, 2), 0);
	cr_assert_eq(addr_map__add(&map, 0, 3), 0);
	cr_expect(addr_map__get(&map, 0x1000, &value));
	cr_expect_eq(value, 1);
	cr_expect_not(addr_map__get(&map, 0, &value));
	cr_expect_not(addr_map__get(&map, 0x1010, &value));
	cr_expect_eq(map.n, 1);
	addr_map__done(&map);
}

/* The odd number whose product with an odd number is 1. */
static uint64_t inverse_of(uint64_t odd)
{
	uint64_t inverse = odd;

	for (int i = 0; i < 6; i++)
		inverse *= 2 - odd * inverse;
	return inverse;
}

static void expect_fast(uint64_t (*address)(uint64_t i))
{
	const uint64_t before_ns = time_now_ns(CLOCK_THREAD_CPUTIME_ID);
	struct addr_map map = { 0 };
	uint64_t value = 0;

	for (uint64_t i = 1; i <= N; i++)
		cr_assert_eq(addr_map__add(&map, address(i), i), 0);
	for (uint64_t i = 1; i <= N; i++)
		cr_assert(addr_map__get(&map, address(i), &value) && value == i);
	cr_expect_lt(time_now_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns, NS_PER_S);
	addr_map__done(&map);
}

static uint64_t neighbour(uint64_t i)
{
	return i << 4;
}

static uint64_t page(uint64_t i)
{
	return i << 12;
}

static uint64_t unaligned(uint64_t i)
{
	return i;
}

/* Neighbours in each page. */
static uint64_t crowd(uint64_t i)
{
	return (i / 8 << 12) + (i % 8 << 4);
}

/* Products with the number that many hashes multiply by differ in their lowest bits only. */
static uint64_t chosen(uint64_t i)
{
	return i * inverse_of(GOLDEN) << 4;
}

TEST_WITHIN(20, addr_map, is_fast_whatever_the_addresses)
{
	expect_fast(neighbour);
	expect_fast(page);
	expect_fast(unaligned);
	expect_fast(crowd);
	expect_fast(chosen);
}

#define MANY_MAPS 100
#define NEIGHBOURS 20000

/* The hash is drawn for each map: none of them may be a bad one for objects side by side. */
TEST_WITHIN(20, addr_map, no_draw_is_a_bad_one)
{
	for (int n = 0; n < MANY_MAPS; n++) {
		const uint64_t before_ns = time_now_ns(CLOCK_THREAD_CPUTIME_ID);
		struct addr_map map = { 0 };

		for (uint64_t i = 1; i <= NEIGHBOURS; i++)
			cr_assert_eq(addr_map__add(&map, neighbour(i), i), 0);
		cr_expect_lt(time_now_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns, NS_PER_S / 20);
		addr_map__done(&map);
	}
}
