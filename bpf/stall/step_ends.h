/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Between which awaits a step ran: where its task had suspended when it began, and where it
 * suspends next. The task's await chain says it, which takes two reads for each coroutine in it. So
 * the end is read only of a stall that is reported, and the beginning, when it is not known yet
 * whether the step will be a stall, only of coroutines that have stalled before, with a rate limit.
 * Exact mode alone sees these moments.
 */
#ifndef LOOPSTALL_BPF_STEP_ENDS_H
#define LOOPSTALL_BPF_STEP_ENDS_H

#include "core/port.h"
#include "core/state.h"

/*
 * On average one read of a beginning in this time; 64 in a row. Where steps are shorter, the reads
 * are few enough not to be felt; where they are longer, each has one.
 */
#define WALK_PRICE_NS 50000ULL
#define WALK_BURST_NS (64 * WALK_PRICE_NS)

/* The current step is about to resume `coro`: its task's, or what that awaits. */
int step_from_read(struct thread_state *ts, __u64 coro, __u64 now_ns);
LS_INLINE int step_from_is_read(const struct thread_state *ts, const struct known_code *known,
				__u64 now_ns)
{
	return known->has_stalled && ts->walks_ns < now_ns + WALK_BURST_NS;
}

/* The current step has just ended. */
int step_to_read(struct thread_state *ts);

#endif
