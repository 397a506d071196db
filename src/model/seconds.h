/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last two minutes, second by second of CLOCK_MONOTONIC: the stalls that ended in each, and how
 * busy the loops were in it.
 */
#ifndef LOOPSTALL_MODEL_SECONDS_H
#define LOOPSTALL_MODEL_SECONDS_H

#include "model/model.h"

struct seconds {
	uint64_t first, newest; /* numbers of seconds; newest 0: empty */
	struct second {
		struct second_row row;
		double told_ns; /* time of this second that ticks cover */
		double busy_ns, steps, handles; /* in that time */
	} ring[MODEL_SECONDS]; /* by number modulo MODEL_SECONDS */
	struct second_row rows[MODEL_SECONDS]; /* of the snapshot */
};

void seconds__stall(struct seconds *s, const struct stall *stall);
/* Stalls without a record, of which only the number is known, up to `now_ns`. */
void seconds__shed(struct seconds *s, uint64_t now_ns, uint64_t stalls);
/* Activity of the loops between two ticks. */
struct activity {
	double busy; /* of the busiest one, 0 ... 1 */
	double steps_per_s, handles_per_s; /* of all */
};
/* from_ns 0 at the first tick, which only sets the time. */
void seconds__tick(struct seconds *s, uint64_t from_ns, uint64_t to_ns,
		   const struct activity *activity);
void seconds__rows(struct seconds *s, struct snapshot *ret_snapshot);

#endif
