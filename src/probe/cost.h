/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What measuring costs, added up from the programs' meters (loopstall/meters.h) and from what a
 * trap costs (probe/calibrate.h). The inside of probe_cost__calibrate() and probe_cost__read(),
 * probe/probe.h.
 */
#ifndef LOOPSTALL_PROBE_COST_H
#define LOOPSTALL_PROBE_COST_H

#include <stdint.h>

#include "probe/calibrate.h"
#include "probe/probe.h"

struct cost {
	/* a row for each CPU, which the kernel side writes meanwhile */
	const struct ls_meter *meters;
	unsigned int n_rows;
	struct calibrator *calibrator; /* NULL: it is not known what a trap costs */
	uint64_t calibrate_due_ns;
	struct trap_costs costs; /* as last measured */
	uint64_t charged[LS_TRAP_MAX]; /* traps that are in traps_ns */
	double traps_ns[LS_TRAP_MAX];
};

/* All rows of one meter as one. */
struct cost_sum {
	uint64_t runs;
	double ns; /* of all runs, from those that were timed */
};
struct cost_sum cost__sum(const struct cost *c, enum ls_meter_id id);

/* Makes those traps that came since the last time cost what a trap costs now. */
void cost__charge(struct cost *c);
/* cost__charge(), then all that is known. */
void cost__read(struct cost *c, struct probe_cost *ret);

#endif
