/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rate of a repeated task that costs CPU time: at its pace, or more slowly so that it takes a
 * bounded share of a core. Pure.
 */
#ifndef LOOPSTALL_SESSION_PACER_H
#define LOOPSTALL_SESSION_PACER_H

#include <stdint.h>

struct pacer {
	uint64_t pace_ns; /* between two runs that cost little */
	/* Minimum interval in CPU times of the last run: 50 is at most 2 % of a core. */
	unsigned int cost_factor;
	/* The longest interval, unless the pace is longer; 0: no limit. */
	uint64_t longest_ns;
};

/* When the next run is due after one that began at `now_ns` and took `cost_ns` of CPU time. */
uint64_t pacer__next_ns(const struct pacer *p, uint64_t now_ns, uint64_t cost_ns);

#endif
