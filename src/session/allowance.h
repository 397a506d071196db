/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An allowance of CPU time for work whose amount somebody else decides: a share of a core, with
 * some time saved up for bursts. What costs more than is left delays the next work. Pure.
 */
#ifndef LOOPSTALL_SESSION_ALLOWANCE_H
#define LOOPSTALL_SESSION_ALLOWANCE_H

#include <stdbool.h>
#include <stdint.h>

struct allowance {
	double share; /* of a core */
	uint64_t most_ns; /* that can be saved up */
	double left_ns; /* below 0: spent in advance */
	uint64_t at_ns; /* when `left_ns` was right */
};

/* Begins with all that can be saved up. */
void allowance__init(struct allowance *a, double share, uint64_t most_ns, uint64_t now_ns);
/* Whether anything is left. */
bool allowance__has(struct allowance *a, uint64_t now_ns);
void allowance__spend(struct allowance *a, uint64_t cpu_ns);
/* When there is something left again; at most `now_ns` if there is. */
uint64_t allowance__due_ns(const struct allowance *a, uint64_t now_ns);

#endif
