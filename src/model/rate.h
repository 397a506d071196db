/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Differences and rates between two successive absolute readings. A reading may be torn, so a
 * difference is clamped at 0 and a share at 1.
 */
#ifndef LOOPSTALL_MODEL_RATE_H
#define LOOPSTALL_MODEL_RATE_H

#include <stdint.h>

static inline uint64_t rate_since(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

/* 0 ... 1 */
static inline double rate_share(uint64_t part_ns, uint64_t whole_ns)
{
	return part_ns < whole_ns ? (double)part_ns / (double)whole_ns : 1;
}

static inline double rate_per_second(uint64_t count, uint64_t interval_ns)
{
	return (double)count * 1e9 / (double)interval_ns;
}

#endif
