/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Percentiles out of the histogram of include/loopstall/hist.h.
 *
 * The q-th percentile of n durations is the one with rank r = ceil(q * n / 100) when they are
 * sorted, counted from 1
 * ("nearest rank"). Its bucket is known exactly; inside it the durations are taken to lie evenly,
 * the k-th of c at (2k - 1) / 2c of the bucket's width. The longest one is known exactly and bounds
 * every answer. So the error is less than the width of one bucket, 12.5 %.
 */
#ifndef LOOPSTALL_MODEL_HIST_H
#define LOOPSTALL_MODEL_HIST_H

#include <stddef.h>
#include <stdint.h>

#include <loopstall/hist.h>

/* 0 for an empty histogram. */
uint64_t hist__percentile_ns(const uint32_t *hist, unsigned int percent, uint64_t max_ns);
/* Several at once; `percents` must not fall. */
void hist__percentiles_ns(const uint32_t *hist, const unsigned int *percents, size_t n_percents,
			  uint64_t max_ns, uint64_t *ret_ns);
/* Adds bucket by bucket; a full one stays full. */
void hist__add(uint32_t *hist, const uint32_t *other);
/* What came on top of `base`, bucket by bucket. */
void hist__since(const uint32_t *hist, const uint32_t *base, uint32_t *ret_hist);
/*
 * The longest one since a base, of which `since` is the histogram. It is known only if it is the
 * longest of all; else its bucket is, and the end of the bucket bounds it.
 */
uint64_t hist__max_since_ns(const uint32_t *since, uint64_t max_ns, uint64_t base_max_ns);

#endif
