/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * How a step begins and ends, whatever kind of task it is of: step.bpf.c sees those of C tasks, resume.bpf.c those
 * of tasks written in Python.
 */
#ifndef LOOPSTALL_BPF_STEPS_H
#define LOOPSTALL_BPF_STEPS_H

#include "maps.h"
#include "light.h"
#include "spans.h"
#include "tasks.h"
#include "threads.h"

int thread_enter_loop(struct thread_state *ts, __u64 loop, __u64 now_ns);
int thread_find_tstate(struct thread_state *ts, __u64 thread_pointer);
int thread_refresh(struct thread_state *ts);

/* Drops the steps whose own end we never saw: they lie deeper than the one that ends now, at stack pointer `sp`. */
int steps_abandon(struct thread_state *ts, __u64 sp);

/* Takes the parent of a nested step back as the current span. */
LS_INLINE void step_pop(struct thread_state *ts)
{
	__u32 depth = ts->depth - 1;

	ts->depth = depth;
	barrier_var(depth);
	if (depth < LS_MAX_NEST)
		ts->cur = ts->outer[depth];
}

/*
 * Makes the current span the one of a step that begins at stack pointer `sp`; what was open becomes its parent. `entering` is its
 * task (one written in Python: its coroutine), for the victims of a callback before it. -1 if steps are nested too deep.
 */
LS_INLINE int step_begin(struct thread_state *ts, __u64 sp, __u64 entering, __u64 now_ns)
{
	__u32 i;

	if (ts->cur.is_light)
		light_close(ts, now_ns);
	if (ts->cur.unit == LS_UNIT_CALLBACK && ts->depth == 0) {
		span_close_callbacks(ts, now_ns, entering);
	} else if (ts->cur.unit == LS_UNIT_STEP) {
		/* A frame at or below us cannot be alive any more: its stack was switched away and dropped. */
		for (i = 0; i < LS_MAX_NEST && ts->cur.unit == LS_UNIT_STEP && ts->cur.sp <= sp; i++) {
			count_loss(LS_LOSS_STEP_ABANDONED);
			if (ts->depth)
				step_pop(ts);
			else
				ts->cur.unit = LS_UNIT_NONE;
		}
		if (ts->cur.unit == LS_UNIT_STEP) {
			__u32 depth = ts->depth;

			barrier_var(depth);
			if (depth >= LS_MAX_NEST) {
				count_loss(LS_LOSS_STEP_TOO_DEEP);
				return -1;
			}
			ts->outer[depth] = ts->cur;
			ts->depth = depth + 1;
		}
	}
	if (!ts->turn_start_ns)
		turn_begin(ts, now_ns);
	span_open(ts, LS_UNIT_STEP, now_ns);
	ts->cur.sp = sp;
	return 0;
}

/* Counts what the step waited for, with its coroutine. */
int step_count_waits(struct thread_state *ts, __u64 duration_ns);

LS_INLINE void step_count(struct thread_state *ts, __u64 duration_ns, __u64 now_ns)
{
	struct ls_coro_stats *stats = span_stats(ts);
	__u32 is_stall = duration_ns >= settings.threshold_ns;
	__u64 starved_ns = 0;

	ts->stats.steps += !ts->cur.is_continued;
	ts->stats.step_ns += duration_ns;
	if (settings.is_counting_tasks)
		task_count(ts, duration_ns, now_ns, is_stall);
	if (is_stall)
		starved_ns = span_send_stall(ts, now_ns, duration_ns, LS_UNIT_STEP);
	if (!stats) {
		count_loss(LS_LOSS_COROUTINE_MAP);
		return;
	}
	stats->steps += !ts->cur.is_continued;
	stats->total_ns += duration_ns;
	if (duration_ns > stats->max_ns)
		stats->max_ns = duration_ns;
	if (!ts->cur.is_continued)
		hist_count(stats->hist, duration_ns);
	if (ts->cur.is_touched)
		step_count_waits(ts, duration_ns);
	if (is_stall) {
		stats->stalls++;
		stats->starved_ns += starved_ns;
	}
}

/* Ends the step that began at stack pointer `sp`. */
LS_INLINE void step_end(struct thread_state *ts, __u64 sp, __u64 now_ns)
{
	__u64 duration_ns;

	if (ts->cur.is_light) {
		light_close(ts, now_ns);
		span_open_callbacks(ts, now_ns);
		return;
	}
	if (ts->depth && ts->cur.sp < sp)
		steps_abandon(ts, sp);
	if (ts->cur.unit != LS_UNIT_STEP || ts->cur.sp != sp) {
		count_loss(LS_LOSS_STEP_UNMATCHED);
		return;
	}
	duration_ns = now_ns - ts->cur.start_ns - ts->cur.nested_ns;
	step_count(ts, duration_ns, now_ns);
	ts->turn_steps++;
	turn_add_span(ts);
	if (ts->depth) {
		__u64 whole_ns = now_ns - ts->cur.start_ns;

		step_pop(ts);
		ts->cur.nested_ns += whole_ns;
	} else {
		span_open_callbacks(ts, now_ns);
	}
}

#endif
