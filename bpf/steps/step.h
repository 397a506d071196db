/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Begin and end of a step of either kind: step.bpf.c probes C tasks, resume.bpf.c tasks written in
 * Python.
 */
#ifndef LOOPSTALL_BPF_STEP_H
#define LOOPSTALL_BPF_STEP_H

#include "core/collection.h"
#include "core/maps.h"
#include "core/off_cpu.h"
#include "core/span.h"
#include "core/thread.h"
#include "light/light.h"
#include "python/coroutines.h"
#include "python/task_table.h"
#include "queue/arrivals.h"
#include "queue/makers.h"
#include "stall/turn.h"

int thread_enter_loop(struct thread_state *ts, __u64 loop, __u64 now_ns);
/* The step that has begun inside another span is of another loop, until it has ended. */
int inner_loop_enter(struct thread_state *ts, __u64 loop, __u64 now_ns);
int thread_find_tstate(struct thread_state *ts, __u64 key);
int thread_refresh(struct thread_state *ts);

/*
 * Drops nested steps that have not been seen to end: those deeper than the one that ends now, at
 * stack pointer `sp`.
 */
int steps_abandon(struct thread_state *ts, __u64 sp);

/*
 * A step begins at this stack pointer while another one is open, which becomes its parent unless
 * its stack was dropped. -1 if steps are nested too deep.
 */
int step_nest(struct thread_state *ts, __u64 sp);

/*
 * A step begins, and the return of the loop's poll was not seen: its module was loaded a moment ago
 * and has no probe yet. The poll returned when the thread came back to its CPU.
 */
LS_INLINE void idle_end_unseen(struct thread_state *ts, __u64 now_ns)
{
	__u64 end_ns = ts->on_at_ns > ts->idle_at_ns ? ts->on_at_ns : now_ns;

	ts->stats.idle_ns += end_ns - ts->idle_at_ns;
	ts->stats.callbacks_ns += now_ns - end_ns;
	ts->idle_at_ns = 0;
}

/* The callbacks go on inside which another loop runs a step. */
LS_INLINE void callbacks_nest(struct thread_state *ts)
{
	ts->cur.is_host = 1;
	ts->outer[0] = ts->cur;
	ts->depth = 1;
}

/*
 * Opens the span of a step that begins at stack pointer `sp`; an open step becomes its parent, and
 * so do callbacks if the step is_inner: of a loop that they run. `entering` is its task (one
 * written in Python: its coroutine), for the victims of a callback span that it ends. -1 if steps
 * are nested too deep.
 */
LS_INLINE int step_begin(struct thread_state *ts, __u64 sp, __u64 entering, __u32 is_inner,
			 __u64 now_ns)
{
	if (ts->cur.is_light)
		light_close(ts, now_ns);
	if (ts->cur.unit == LS_UNIT_STEP && step_nest(ts, sp))
		return -1;
	if (ts->cur.unit == LS_UNIT_CALLBACK && ts->depth == 0) {
		if (is_inner)
			callbacks_nest(ts);
		else
			callbacks_end(ts, now_ns, entering);
	} else if (ts->cur.unit == LS_UNIT_NONE && ts->idle_at_ns) {
		idle_end_unseen(ts, now_ns);
	}
	if (!ts->turn_start_ns)
		turn_begin(ts, now_ns);
	span_open(ts, LS_UNIT_STEP, now_ns);
	arrivals_begin(ts, now_ns);
	ts->cur.sp = sp;
	return 0;
}

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
		starved_ns = stall_report(ts, now_ns, duration_ns, LS_UNIT_STEP, 0);
	if (!stats) {
		count_loss(LS_LOSS_COROUTINE_MAP);
		return;
	}
	turn_add_coroutine(ts, stats);
	stats->steps += !ts->cur.is_continued;
	stats->total_ns += duration_ns;
	if (duration_ns > stats->max_ns)
		stats->max_ns = duration_ns;
	if (!ts->cur.is_continued)
		hist_count(stats->hist, duration_ns);
	if (ts->cur.is_touched)
		step_count_waits(ts, duration_ns);
	if (is_stall) {
		stats->turn_ns += duration_ns;
		stats->turn_steps += !ts->cur.is_continued;
		ts->turn.step_ns += duration_ns;
		stats->stalls++;
		stats->starved_ns += starved_ns;
		coroutine_mark_stalled(ts, ts->cur.code);
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
	if (ts->cur.is_late) {
		callbacks_end(ts, now_ns, 0);
		span_open_callbacks(ts, now_ns);
		return;
	}
	if (ts->depth && ts->cur.sp < sp)
		steps_abandon(ts, sp);
	if (ts->cur.unit != LS_UNIT_STEP || ts->cur.sp != sp) {
		count_loss(LS_LOSS_STEP_UNMATCHED);
		return;
	}
	collection_settle(ts, now_ns);
	duration_ns = now_ns - ts->cur.start_ns - ts->cur.nested_ns;
	if (duration_ns >= MAKER_MIN_NS && ts->cur.arrived != ARRIVED_UNKNOWN)
		maker_look(ts);
	step_count(ts, duration_ns, now_ns);
	ts->turn_steps++;
	turn_add_span(ts);
	if (ts->depth) {
		__u64 whole_ns = now_ns - ts->cur.start_ns;

		span_pop(ts);
		ts->cur.nested_ns += whole_ns;
	} else {
		span_open_callbacks(ts, now_ns);
	}
}

/* The same at a spot: the account of the thread is brought up to date first. */
LS_INLINE int step_exit(struct thread_state *ts, __u64 sp, __u64 now_ns)
{
	thread_set_busy(ts, 1);
	thread_settle(ts, now_ns);
	step_end(ts, sp, now_ns);
	thread_set_busy(ts, 0);
	return 0;
}

#endif
