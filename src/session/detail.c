/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See detail.h.
 */
#include "session/detail.h"

/* Per cent of a core. Far enough apart that half of the one is not above the other. */
#define TOO_MUCH 6
#define LITTLE 2

unsigned int detail_level(unsigned int level, uint64_t cpu_ns, uint64_t interval_ns)
{
	if (cpu_ns > interval_ns / 100 * TOO_MUCH)
		return level < DETAIL_MAX_LEVEL ? level + 1 : level;
	if (cpu_ns < interval_ns / 100 * LITTLE && level > 0)
		return level - 1;
	return level;
}
