/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What two absolute readings, taken one after the other, say of the time between them. A reading may be torn, so
 * no difference is trusted to be positive and no share to stay below one.
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
