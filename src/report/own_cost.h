/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What loopstall itself costs, by named parts, for reports and verdicts: CPU time summed over all
 * CPUs.
 */
#ifndef LOOPSTALL_REPORT_OWN_COST_H
#define LOOPSTALL_REPORT_OWN_COST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct own_cost {
	uint64_t self_ns; /* loopstall's own */
	bool has_programs; /* false: a recording of a version that did not measure it */
	uint64_t programs_ns; /* in its BPF programs */
	uint64_t hits; /* of its probes */
	bool has_traps; /* false: the kernel did not let us measure a trap */
	uint64_t traps_ns; /* cost of entering the programs: traps of probes and samples */
	uint64_t ns_per_hit, program_ns_per_hit; /* means; the first is the trap alone */
};

/* Sum of the known parts. */
uint64_t own_cost__sum_ns(const struct own_cost *c);
/*
 * "own cost: 9.1% of a core: programs 1.2%, traps 7.4% (82413 hits of 870 ns), loopstall itself
 * 0.42%", without a line end.
 */
void own_cost__put(FILE *out, const struct own_cost *c, uint64_t duration_ns);
/* The object of docs/json.md, NULL if memory was short. */
json_t *own_cost__json(const struct own_cost *c, uint64_t duration_ns);

#endif
