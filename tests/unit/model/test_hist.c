/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The histogram's bucket function, and percentiles against the sorted durations themselves.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "model/hist.h"

Test(hist, floor_of_each_bucket_falls_into_it)
{
	uint32_t i;

	for (i = 0; i < LS_HIST_BUCKETS; i++) {
		cr_assert_eq(ls_hist_index(ls_hist_floor_ns(i)), i, "bucket %u", i);
		if (i > 0)
			cr_assert_eq(ls_hist_index(ls_hist_floor_ns(i) - 1), i - 1,
				     "below bucket %u", i);
	}
}

Test(hist, buckets_rise_with_the_duration_and_start_at_or_below_it)
{
	uint64_t ns, previous = 0;
	int shift, part;

	for (shift = 0; shift < 63; shift++) {
		for (part = 0; part < 64; part++) {
			ns = (1ULL << shift) + ((1ULL << shift) >> 6) * (uint64_t)part;
			cr_assert_leq(previous, ls_hist_index(ns));
			cr_assert_leq(ls_hist_floor_ns(ls_hist_index(ns)), ns);
			previous = ls_hist_index(ns);
		}
	}
	cr_assert_eq(ls_hist_index(UINT64_MAX), LS_HIST_BUCKETS - 1);
	cr_assert_eq(ls_hist_index(0), 0);
}

Test(hist, log2_of_every_power)
{
	int shift;

	cr_assert_eq(ls_log2(0), 0);
	for (shift = 0; shift < 64; shift++) {
		cr_assert_eq(ls_log2(1ULL << shift), (uint32_t)shift);
		cr_assert_eq(ls_log2((1ULL << shift) | ((1ULL << shift) - 1)), (uint32_t)shift);
	}
}

static int compare_u64(const void *va, const void *vb)
{
	const uint64_t a = *(const uint64_t *)va, b = *(const uint64_t *)vb;

	return (a > b) - (a < b);
}

/* Compares with the exact answer: same bucket, and so within its width. */
static void check_percentiles(uint64_t *values, size_t n)
{
	static const unsigned int percents[] = { 0, 1, 50, 90, 99, 100 };
	uint32_t hist[LS_HIST_BUCKETS] = { 0 };
	size_t i, rank;

	for (i = 0; i < n; i++)
		hist[ls_hist_index(values[i])]++;
	qsort(values, n, sizeof(*values), compare_u64);
	for (i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		uint64_t got = hist__percentile_ns(hist, percents[i], values[n - 1]);
		uint64_t exact;

		rank = (n * percents[i] + 99) / 100;
		exact = values[rank ? rank - 1 : 0];
		cr_assert_eq(ls_hist_index(got), ls_hist_index(exact), "p%u of %zu: %lu for %lu",
			     percents[i], n, got, exact);
		cr_assert_leq(got, values[n - 1]);
	}
}

Test(hist, percentiles_match_the_sorted_durations)
{
	static const size_t sizes[] = { 1, 2, 3, 99, 100, 101, 5000 };
	uint64_t values[5000], seed = 7;
	size_t s, i, round;

	for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (round = 0; round < 20; round++) {
			for (i = 0; i < sizes[s]; i++) {
				seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
				/* Spread over the powers of two, up to beyond the last bucket. */
				values[i] = (seed >> 20) >> (seed % 43);
			}
			check_percentiles(values, sizes[s]);
		}
	}
}

Test(hist, median_of_evenly_spread_durations_is_closer_than_a_bucket)
{
	uint32_t hist[LS_HIST_BUCKETS] = { 0 };
	uint64_t ns, got;

	for (ns = 1; ns <= 100000; ns++)
		hist[ls_hist_index(ns * 100)]++;
	got = hist__percentile_ns(hist, 50, 10000000);
	cr_assert_lt(llabs((long long)got - 5000000), 5000, "got %lu", got);
}

Test(hist, one_duration_is_every_percentile_and_none_is_zero)
{
	uint32_t hist[LS_HIST_BUCKETS] = { 0 };

	cr_assert_eq(hist__percentile_ns(hist, 50, 0), 0);
	hist[ls_hist_index(123456789)] = 1;
	cr_assert_eq(hist__percentile_ns(hist, 50, 123456789), 123456789);
	cr_assert_eq(hist__percentile_ns(hist, 99, 123456789), 123456789);
}

Test(hist, torn_reading_never_exceeds_the_maximum)
{
	uint32_t hist[LS_HIST_BUCKETS] = { 0 };

	hist[100] = UINT32_MAX;
	hist[LS_HIST_BUCKETS - 1] = UINT32_MAX;
	cr_assert_eq(hist__percentile_ns(hist, 50, 1000), 1000);
	cr_assert_eq(hist__percentile_ns(hist, 99, 1000), 1000);
	cr_assert_leq(hist__percentile_ns(hist, 99, UINT64_MAX), UINT64_MAX);
}

Test(hist, adding_saturates)
{
	uint32_t a[LS_HIST_BUCKETS] = { [3] = UINT32_MAX - 1, [4] = 5 };
	uint32_t b[LS_HIST_BUCKETS] = { [3] = 2, [4] = 6 };

	hist__add(a, b);
	cr_assert_eq(a[3], UINT32_MAX);
	cr_assert_eq(a[4], 11);
}
