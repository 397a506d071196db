/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's clocks in nanoseconds.
 */
#ifndef LOOPSTALL_BASE_TIME_H
#define LOOPSTALL_BASE_TIME_H

#include <stdint.h>
#include <time.h>

#define NS_PER_US 1000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL

/* Reads a clock that every kernel has. */
static inline uint64_t time_now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* CLOCK_REALTIME minus CLOCK_MONOTONIC at this moment. */
static inline uint64_t time_clock_offset_ns(void)
{
	return time_now_ns(CLOCK_REALTIME) - time_now_ns(CLOCK_MONOTONIC);
}

#endif
