/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See hist.h for the definition of a percentile.
 */
#include "model/hist.h"

void hist__add(uint32_t *hist, const uint32_t *other)
{
	int i;

	for (i = 0; i < LS_HIST_BUCKETS; i++)
		if (__builtin_add_overflow(hist[i], other[i], &hist[i]))
			hist[i] = UINT32_MAX;
}

static uint64_t bucket_value_ns(uint32_t index, uint64_t k, uint64_t c, uint64_t max_ns)
{
	uint64_t low = ls_hist_floor_ns(index), high = max_ns, value;

	if (index + 1 < LS_HIST_BUCKETS && ls_hist_floor_ns(index + 1) < max_ns)
		high = ls_hist_floor_ns(index + 1);
	/* A reading may be torn: the bucket already counted, the maximum not yet raised. */
	if (high <= low)
		return max_ns;
	value = low + (uint64_t)((unsigned __int128)(high - low) * (2 * k - 1) / (2 * c));
	return value < max_ns ? value : max_ns;
}

uint64_t hist__percentile_ns(const uint32_t *hist, unsigned int percent, uint64_t max_ns)
{
	uint64_t n = 0, rank, before = 0;
	uint32_t i;

	for (i = 0; i < LS_HIST_BUCKETS; i++)
		n += hist[i];
	if (n == 0)
		return 0;
	rank = (n * percent + 99) / 100;
	if (rank < 1)
		rank = 1;
	if (rank >= n)
		return max_ns;
	for (i = 0; before + hist[i] < rank; i++)
		before += hist[i];
	return bucket_value_ns(i, rank - before, hist[i], max_ns);
}
