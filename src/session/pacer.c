/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See pacer.h.
 */
#include "session/pacer.h"

uint64_t pacer__next_ns(const struct pacer *p, uint64_t now_ns, uint64_t cost_ns)
{
	uint64_t wanted_ns = p->cost_factor * cost_ns;

	if (p->longest_ns && wanted_ns > p->longest_ns)
		wanted_ns = p->longest_ns;
	return now_ns + (wanted_ns > p->pace_ns ? wanted_ns : p->pace_ns);
}
