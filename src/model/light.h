/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the counts are worth if a part of the time was measured in light mode, in which no step is
 * counted: stalls and the loop's handles are. Mode auto times steps in short windows meanwhile, so
 * their number can be scaled up, and their percentiles are those of a sample.
 */
#ifndef LOOPSTALL_MODEL_LIGHT_H
#define LOOPSTALL_MODEL_LIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"

struct light {
	bool is_now; /* no steps are counted at this moment, or hardly any */
	uint64_t ns_per_hit; /* what a hit of a probe costs, trap and program; 0: not known */
	double share; /* of the time on the CPU, 0 ... 1 */
};

/*
 * Out of the time on the CPU, not of the clock: a window lasts longer while its thread has no CPU,
 * and counts no step then. What the probes themselves took of the exact part is subtracted.
 */
void light__set_share(struct light *l, const struct snapshot *s);

/* Some steps were not counted. */
bool light__is_partial(const struct light *l);
/* False: so few were timed that their number cannot be estimated. */
bool light__can_scale(const struct light *l);
/*
 * How many there were, estimated from those that were counted. Too low for steps of a few
 * microseconds, which the probes slow down most.
 */
uint64_t light__scale(const struct light *l, uint64_t steps);
/*
 * Steps per second out of the handles of a second, by the number of steps for each handle so far.
 * NAN: not known.
 */
double light__steps_per_s(const struct light *l, const struct snapshot *s, double handles_per_s);
/* False: of these steps nothing is known but the stalls among them. */
bool light__has_steps(const struct light *l, uint64_t steps);
/*
 * False for a percentile that a sample cannot tell: there are more stalls, which are all counted,
 * than steps beyond it.
 */
bool light__has_percentile(const struct light *l, uint64_t steps, uint64_t stalls, double percent);

#endif
