/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a trap costs on this machine at this moment, measured on ourselves: two instructions of ours get a uprobe with a program that does
 * nothing, and a clock of the sampler's kind ticks on our CPU. Whoever calls is not to be interrupted for long, but may be.
 */
#ifndef LOOPSTALL_PROBE_CALIBRATE_H
#define LOOPSTALL_PROBE_CALIBRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loopstall/meters.h>

#include "probe/clock.h"

/* Nanoseconds for each trap of a kind, by enum ls_trap; 0: not known. */
struct trap_costs {
	double ns[LS_TRAP_MAX];
};

struct calibrator;

/* Puts the probes on. All of the calls are for one and the same thread. 0 or -errno. */
int calibrator__new(struct calibrator **ret_calibrator, bool use_multi, struct clock *clock);
void calibrator__free(struct calibrator *c);
static inline void calibrator__freep(struct calibrator **c)
{
	calibrator__free(*c);
}

/* Measures all kinds of traps: about 10 ms. */
void calibrator__measure_all(struct calibrator *c, struct trap_costs *ret_costs);
/* Measures those of uprobes again, which are hit most: about 0.3 ms. */
void calibrator__measure_probes(struct calibrator *c, struct trap_costs *costs);

/* The middle one of `n` values, which are sorted; of two, their mean. 0 of none. */
double calibrate_median(double *values, size_t n);

#endif
