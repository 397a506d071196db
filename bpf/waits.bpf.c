// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What ended spans waited for, into the sums. Most waited for nothing, so this is no part of the hot path, and the verifier looks at it once.
 */
#include "maps.h"
#include "steps.h"

LS_SUBPROG int turn_add_waits(struct thread_state *ts)
{
	__u32 i;

	if (!ts)
		return 0;
	if (!ts->turn_is_touched) {
		__builtin_memset(ts->turn_cause_ns, 0, sizeof(ts->turn_cause_ns));
		ts->turn_stolen_ns = 0;
	}
	ts->turn_stolen_ns += ts->cur.stolen_ns;
	ts->turn_is_touched = 1;
	for (i = 0; i < LS_CAUSE_MAX; i++) {
		ts->turn_cause_ns[i] += ts->cur.cause_ns[i];
		ts->stats.cause_ns[i] += ts->cur.cause_ns[i];
	}
	return 0;
}

/* ls_hist_index() has so many ways that the verifier is to see them once. */
LS_SUBPROG __u32 hist_bucket(__u64 duration_ns)
{
	return ls_hist_index(duration_ns);
}

/* A step that waited for a CPU moves to the bucket of its time without that wait. */
LS_INLINE void own_shift_count(struct ls_coro_stats *stats, __u64 duration_ns, __u64 ready_ns)
{
	__u32 from, to;

	if (!ready_ns)
		return;
	from = hist_bucket(duration_ns);
	to = hist_bucket(ready_ns < duration_ns ? duration_ns - ready_ns : 0);
	barrier_var(from);
	barrier_var(to);
	if (from >= LS_HIST_BUCKETS || to >= LS_HIST_BUCKETS || from == to)
		return;
	stats->own_shift[from]--;
	stats->own_shift[to]++;
}

LS_SUBPROG int step_count_waits(struct thread_state *ts, __u64 duration_ns)
{
	struct ls_coro_stats *stats;

	if (!ts)
		return 0;
	stats = span_stats(ts);
	if (!stats)
		return 0;
	coroutine_add_causes(stats, ts);
	if (!ts->cur.is_continued)
		own_shift_count(stats, duration_ns, ts->cur.cause_ns[LS_CAUSE_RUNQUEUE]);
	return 0;
}
