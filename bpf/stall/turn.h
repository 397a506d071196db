/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Ends callback spans and turns, and reports those that were stalls.
 */
#ifndef LOOPSTALL_BPF_TURN_H
#define LOOPSTALL_BPF_TURN_H

#include "core/collection.h"
#include "core/span.h"
#include "stall/stall.h"

LS_INLINE void turn_end(struct thread_state *ts, __u64 now_ns)
{
	__u64 duration_ns = now_ns - ts->turn_start_ns, own_ns;

	if (!ts->turn_start_ns)
		return;
	ts->stats.turns++;
	if (duration_ns > ts->stats.worst_turn_ns)
		ts->stats.worst_turn_ns = duration_ns;
	own_ns = duration_ns - turn_host_ns(ts, duration_ns);
	if (own_ns > ts->stats.worst_turn_own_ns)
		ts->stats.worst_turn_own_ns = own_ns;
	hist_count(ts->stats.turn_hist, duration_ns);
	/* What its stalls took has been reported as theirs. */
	duration_ns -= ts->turn_stalls_ns < duration_ns ? ts->turn_stalls_ns : duration_ns;
	if (duration_ns >= settings.threshold_ns)
		stall_report(ts, now_ns, duration_ns, LS_UNIT_TURN, 0);
	ts->turn_start_ns = 0;
}

/*
 * Ends the callback span, if one is open. `entering` is the task whose step ends it (or its
 * coroutine), or 0.
 */
LS_INLINE void callbacks_end(struct thread_state *ts, __u64 now_ns, __u64 entering)
{
	__u64 duration_ns;

	if (ts->cur.unit != LS_UNIT_CALLBACK)
		return;
	collection_settle(ts, now_ns);
	duration_ns = now_ns - ts->cur.start_ns - ts->cur.nested_ns;
	ts->stats.callbacks_ns += duration_ns;
	if (duration_ns >= settings.threshold_ns)
		stall_report(ts, now_ns, duration_ns, LS_UNIT_CALLBACK, entering);
	span_close(ts);
}

#endif
