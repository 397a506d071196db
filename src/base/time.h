/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's clocks in nanoseconds.
 */
#ifndef LOOPSTALL_BASE_TIME_H
#define LOOPSTALL_BASE_TIME_H

#include <stdint.h>
#include <time.h>

/* What a clock that is always there says now. */
static inline uint64_t time_now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

#endif
