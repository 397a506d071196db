// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See waits.h. Global functions, so that the verifier checks them once.
 */
#include "core/waits.h"

#include "core/maps.h"
#include "core/span.h"

LS_SUBPROG int turn_add_waits(struct thread_state *ts)
{
	__u32 i;

	if (!ts)
		return 0;
	if (!ts->turn_is_touched) {
		__builtin_memset(ts->turn_cause_ns, 0, sizeof(ts->turn_cause_ns));
		ts->turn_stolen_ns = 0;
		ts->turn_gc_generation = 0;
	}
	if (ts->cur.gc_generation > ts->turn_gc_generation)
		ts->turn_gc_generation = ts->cur.gc_generation;
	ts->turn_stolen_ns += ts->cur.stolen_ns;
	ts->turn_is_touched = 1;
	for (i = 0; i < LS_CAUSE_MAX; i++) {
		ts->turn_cause_ns[i] += ts->cur.cause_ns[i];
		ts->stats.cause_ns[i] += ts->cur.cause_ns[i];
	}
	return 0;
}

LS_SUBPROG __u32 hist_bucket(__u64 duration_ns)
{
	return ls_hist_index(duration_ns);
}

/* A step that was not let run moves to the bucket of its time without that. */
LS_INLINE void own_shift_count(struct ls_coro_stats *stats, __u64 duration_ns, __u64 lost_ns)
{
	__u32 from, to;

	if (!lost_ns)
		return;
	from = hist_bucket(duration_ns);
	to = hist_bucket(lost_ns < duration_ns ? duration_ns - lost_ns : 0);
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
		own_shift_count(stats, duration_ns, host_ns(ts->cur.cause_ns));
	return 0;
}
