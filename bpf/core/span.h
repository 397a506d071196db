/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Primitives of spans and turns: they open and close and count in the thread's state. Steps nest;
 * the time between two steps is a callback span. Nothing here reports.
 */
#ifndef LOOPSTALL_BPF_SPAN_H
#define LOOPSTALL_BPF_SPAN_H

#include "core/accounting.h"
#include "core/maps.h"
#include "core/waits.h"

#define ARRIVED_UNKNOWN (~0ULL)

/*
 * Clears the fields of the current span that most spans never use, so they are not cleared when it
 * opens.
 */
LS_INLINE void span_touch(struct thread_state *ts)
{
	struct span *cur = &ts->cur;

	if (cur->is_touched)
		return;
	__builtin_memset(cur->cause_ns, 0, sizeof(cur->cause_ns));
	cur->off_ns = 0;
	cur->sampled_ns = 0;
	cur->copied_ns = 0;
	cur->gil = (struct held){};
	cur->lock = (struct held){};
	cur->lock_known = LS_LOCK_NOT_SEEN;
	cur->stolen_ns = 0;
	cur->samples = 0;
	cur->is_collecting = 0;
	cur->gc_generation = 0;
	cur->stop = LS_STOP_NONE;
	cur->stop_id = 0;
	cur->quota_ns = 0;
	cur->period_ns = 0;
	cur->looked_ns = 0;
	cur->cpu_holder.ns = 0;
	cur->pinned_ns = 0;
	cur->late_ns = 0;
	cur->gil_looks = 0;
	cur->gil_free = 0;
	accounting_clear(&cur->account);
	cur->is_touched = 1;
}

LS_INLINE struct ls_loop *loop_of(const struct thread_state *ts)
{
	struct ls_loop_key key = { .loop = ts->loop, .tgid = ts->tgid };

	return bpf_map_lookup_elem(&loops, &key);
}

/* `hist` has LS_HIST_BUCKETS elements. */
LS_INLINE void hist_count(__u32 *hist, __u64 duration_ns)
{
	__u32 bucket = ls_hist_index(duration_ns);

	barrier_var(bucket);
	if (bucket < LS_HIST_BUCKETS)
		hist[bucket]++;
}

LS_INLINE struct ls_coro_stats *span_stats(const struct thread_state *ts)
{
	__u32 index = ts->cur.coroutine;

	return bpf_map_lookup_elem(&coroutine_stats, &index);
}

/* Adds the off-CPU time of the current span, which is touched, to its coroutine. */
LS_INLINE void coroutine_add_causes(struct ls_coro_stats *stats, const struct thread_state *ts)
{
	__u32 i;

	for (i = 0; i < LS_CAUSE_MAX; i++)
		stats->cause_ns[i] += ts->cur.cause_ns[i];
}

/* The time in which no loop ran is not watched, as that of a span that has not ended. */
LS_INLINE void left_book(struct thread_state *ts, __u64 now_ns)
{
	if (!ts->left_at_ns)
		return;
	ts->stats.open_ns += now_ns - ts->left_at_ns;
	ts->left_at_ns = 0;
}

LS_INLINE void span_open(struct thread_state *ts, __u32 unit, __u64 now_ns)
{
	left_book(ts, now_ns);
	ts->cur.number = ++ts->last_number;
	ts->cur.start_ns = now_ns;
	ts->cur.nested_ns = 0;
	ts->cur.unit = unit;
	ts->cur.is_touched = 0;
	ts->cur.is_light = 0;
	ts->cur.is_late = 0;
	ts->cur.from.state = LS_AWAIT_UNKNOWN;
	ts->cur.is_wake = 0;
	ts->cur.is_host = 0;
	ts->cur.arrived = ARRIVED_UNKNOWN;
}

LS_INLINE void span_open_callbacks(struct thread_state *ts, __u64 now_ns)
{
	span_open(ts, LS_UNIT_CALLBACK, now_ns);
	ts->cur.sp = 0;
	ts->cur.task = 0;
	ts->cur.coro = 0;
	ts->cur.code = 0;
	ts->cur.coroutine = LS_MAX_COROUTINES;
}

LS_INLINE void turn_add_span(struct thread_state *ts)
{
	if (ts->cur.is_touched)
		turn_add_waits(ts);
}

/* How much of these times is the host's doing alone. */
LS_INLINE __u64 host_ns(const __u64 *cause_ns)
{
	__u64 sum_ns = 0;
	__u32 i;

	for (i = 0; i < LS_CAUSE_MAX; i++)
		if (ls_cause_host(i) == LS_HOST_OWN)
			sum_ns += cause_ns[i];
	return sum_ns;
}

/* How much of the turn its thread was not let run. */
LS_INLINE __u64 turn_host_ns(const struct thread_state *ts, __u64 duration_ns)
{
	__u64 lost_ns = ts->turn_is_touched ? host_ns(ts->turn_cause_ns) : 0;

	return lost_ns < duration_ns ? lost_ns : duration_ns;
}

/* A turn later the makers of tasks are those of the turn before. */
LS_INLINE void makers_move(struct thread_state *ts)
{
	ts->turn.made = ts->turn.making;
	ts->turn.making.to = 0;
	ts->turn.making.slot = !ts->turn.made.slot;
}

LS_INLINE void turn_begin(struct thread_state *ts, __u64 now_ns)
{
	ts->turn_start_ns = now_ns;
	ts->turn_steps = 0;
	ts->turn_stalls_ns = 0;
	ts->turn_stall_steps = 0;
	ts->turn_is_touched = 0;
	ts->delegated = 0;
	ts->arrivals.n = 0;
	ts->arrivals.seen_ns = now_ns;
	ts->turn.number++;
	ts->turn.n = 0;
	ts->turn.from = 0;
	ts->turn.step_ns = ts->stats.step_ns;
	if (ts->turn.making.to | ts->turn.made.to)
		makers_move(ts);
}

/* Adds the coroutine of the current step, which ends, to the turn; before the step is counted. */
LS_INLINE void turn_add_coroutine(struct thread_state *ts, struct ls_coro_stats *stats)
{
	__u32 n = ts->turn.n;

	if (stats->turn == ts->turn.number)
		return;
	stats->turn = ts->turn.number;
	stats->turn_steps = stats->steps;
	stats->turn_ns = stats->total_ns;
	barrier_var(n);
	if (n >= MAX_TURN_COROUTINES)
		return;
	ts->turn.coroutines[n] = ts->cur.coroutine;
	ts->turn.n = n + 1;
}

/* Adds the waits of the current span to the turn and the thread, and closes it. */
LS_INLINE void span_close(struct thread_state *ts)
{
	turn_add_span(ts);
	ts->cur.unit = LS_UNIT_NONE;
}

/* What runs inside the outer loop's span is over. */
LS_INLINE void host_loop_return(struct thread_state *ts)
{
	ts->loop = ts->host.loop;
	ts->arrivals.queue = ts->host.queue;
	ts->host.loop = 0;
}

/* Makes the parent of a nested step the current span again. */
LS_INLINE void span_pop(struct thread_state *ts)
{
	__u32 depth = ts->depth - 1;

	ts->depth = depth;
	barrier_var(depth);
	if (depth < LS_MAX_NEST)
		ts->cur = ts->outer[depth];
	if (ts->host.loop && depth == ts->host.depth)
		host_loop_return(ts);
}

/*
 * Is this thread in light mode? Its open span may still be one of exact mode: see `cur.is_light`.
 */
LS_INLINE int is_light(const struct thread_state *ts)
{
	return settings.is_light || ts->proc.is_light;
}

#endif
