/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See allowance.h.
 */
#include "session/allowance.h"

void allowance__init(struct allowance *a, double share, uint64_t most_ns, uint64_t now_ns)
{
	*a = (struct allowance){
		.share = share, .most_ns = most_ns, .left_ns = (double)most_ns, .at_ns = now_ns
	};
}

bool allowance__has(struct allowance *a, uint64_t now_ns)
{
	if (now_ns > a->at_ns) {
		a->left_ns += (double)(now_ns - a->at_ns) * a->share;
		a->at_ns = now_ns;
	}
	if (a->left_ns > (double)a->most_ns)
		a->left_ns = (double)a->most_ns;
	return a->left_ns >= 1;
}

void allowance__spend(struct allowance *a, uint64_t cpu_ns)
{
	a->left_ns -= (double)cpu_ns;
}

uint64_t allowance__due_ns(const struct allowance *a, uint64_t now_ns)
{
	if (a->left_ns >= 1)
		return now_ns;
	return a->at_ns + (uint64_t)((1 - a->left_ns) / a->share) + 1;
}
