/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See hist.h for the definition of a percentile.
 */
#include "model/hist.h"

void hist__add(uint32_t *hist, const uint32_t *other)
{
	for (int i = 0; i < LS_HIST_BUCKETS; i++)
		if (__builtin_add_overflow(hist[i], other[i], &hist[i]))
			hist[i] = UINT32_MAX;
}

static uint64_t bucket_value_ns(uint32_t index, uint64_t k, uint64_t c, uint64_t max_ns)
{
	uint64_t low = ls_hist_floor_ns(index), high = max_ns, value;

	if (index + 1 < LS_HIST_BUCKETS && ls_hist_floor_ns(index + 1) < max_ns)
		high = ls_hist_floor_ns(index + 1);
	/* A torn reading may have counted the bucket but not yet raised the maximum. */
	if (high <= low)
		return max_ns;
	value = low + (uint64_t)((unsigned __int128)(high - low) * (2 * k - 1) / (2 * c));
	return value < max_ns ? value : max_ns;
}

void hist__percentiles_ns(const uint32_t *hist, const unsigned int *percents, size_t n_percents,
			  uint64_t max_ns, uint64_t *ret_ns)
{
	uint64_t n = 0, rank, before = 0;
	uint32_t bucket = 0;

	for (uint32_t i = 0; i < LS_HIST_BUCKETS; i++)
		n += hist[i];
	for (size_t p = 0; p < n_percents; p++) {
		rank = (n * percents[p] + 99) / 100;
		if (rank < 1)
			rank = 1;
		if (rank >= n) {
			ret_ns[p] = n ? max_ns : 0;
			continue;
		}
		for (; before + hist[bucket] < rank; bucket++)
			before += hist[bucket];
		ret_ns[p] = bucket_value_ns(bucket, rank - before, hist[bucket], max_ns);
	}
}

uint64_t hist__percentile_ns(const uint32_t *hist, unsigned int percent, uint64_t max_ns)
{
	uint64_t ns;

	hist__percentiles_ns(hist, &percent, 1, max_ns, &ns);
	return ns;
}

void hist__since(const uint32_t *hist, const uint32_t *base, uint32_t *ret_hist)
{
	for (int i = 0; i < LS_HIST_BUCKETS; i++)
		ret_hist[i] = hist[i] > base[i] ? hist[i] - base[i] : 0;
}

uint64_t hist__max_since_ns(const uint32_t *since, uint64_t max_ns, uint64_t base_max_ns)
{
	uint32_t i = LS_HIST_BUCKETS - 1;
	uint64_t end_ns;

	if (max_ns > base_max_ns)
		return max_ns;
	while (i > 0 && !since[i])
		i--;
	if (i + 1 == LS_HIST_BUCKETS)
		return max_ns;
	end_ns = since[i] ? ls_hist_floor_ns(i + 1) - 1 : 0;
	return end_ns < max_ns ? end_ns : max_ns;
}
