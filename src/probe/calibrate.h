/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a trap costs on this machine at this moment, measured on ourselves: two instructions of ours
 * get a uprobe with a program that does nothing, and a clock of the sampler's kind ticks on our
 * CPU. Whoever calls is not to be interrupted for long, but may be.
 */
#ifndef LOOPSTALL_PROBE_CALIBRATE_H
#define LOOPSTALL_PROBE_CALIBRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loopstall/meters.h>

#include "probe/tick_clock.h"

/* Nanoseconds for each trap of a kind, by enum ls_trap; 0: not known. */
struct trap_costs {
	double ns[LS_TRAP_MAX];
};

struct calibrator;

/* Puts the probes on. All of the calls are for one and the same thread. 0 or -errno. */
int calibrator__new(struct calibrator **ret_calibrator, bool use_multi, struct tick_clock *clock);
void calibrator__free(struct calibrator *c);
static inline void calibrator__freep(struct calibrator **c)
{
	calibrator__free(*c);
}

/*
 * Measures what is 0 in `costs` or changes with the machine's speed: the sampler's ticks once
 * (about 10 ms), hits of uprobes, of which there are most, each time (0.3 ms). What could not be
 * measured now, because others had our CPU, stays as it was.
 */
void calibrator__measure(struct calibrator *c, struct trap_costs *costs);

/* The middle one of `n` values, which are sorted; of two, their mean. 0 of none. */
double calibrate_median(double *values, size_t n);

#endif
