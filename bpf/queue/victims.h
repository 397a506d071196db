/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Tasks that wait behind a span: counted, reported by name, or collected for later.
 */
#ifndef LOOPSTALL_BPF_VICTIMS_H
#define LOOPSTALL_BPF_VICTIMS_H

#include "core/port.h"
#include "core/span.h"
#include "core/state.h"
#include "core/waits.h"
#include "python/pytasks.h"

enum victims_use {
	VICTIMS_COUNTED,
	VICTIMS_NAMED, /* and a record for each, up to LS_MAX_VICTIM_NAMES */
	VICTIMS_COLLECTED, /* into ts->waiters, for a span that goes on */
};

/* Prepares ts->victims for a new report. */
LS_INLINE void victims_reset(struct thread_state *ts, __u64 end_ns, __u32 use)
{
	ts->victims.start_ns = ts->cur.start_ns;
	ts->victims.is_turn = 0;
	ts->victims.sockets = 0;
	ts->victims.entering = 0;
	ts->victims.starved_ns = 0;
	ts->victims.n = 0;
	ts->victims.named = use == VICTIMS_NAMED ? 0 : LS_MAX_VICTIM_NAMES;
	ts->victims.flags = 0;
	ts->victims.end_ns = end_ns;
	ts->victims.is_collecting = use == VICTIMS_COLLECTED;
}

/*
 * Reads the loop's queues for tasks that wait at `end_ns`, which may lie ahead, and leaves their
 * sums in ts->victims. `unit`: of the span, or LS_UNIT_TURN. `entering` is the task (one written in
 * Python: its coroutine) whose step ends the span and that has left the queue for that, else 0.
 * Called before the span's own record is reserved: the ring keeps the order of reservations.
 */
int victims_report(struct thread_state *ts, __u64 end_ns, __u32 unit, __u64 entering, __u32 use);

LS_INLINE void victim_count_wait(struct thread_state *ts, __u64 starved_ns)
{
	__u32 bucket;

	ts->victims.starved_ns += starved_ns;
	ts->stats.waits_ns += starved_ns;
	bucket = hist_bucket(starved_ns);
	barrier_var(bucket);
	if (bucket < LS_HIST_BUCKETS)
		ts->stats.wait_hist[bucket]++;
}

#define VICTIM_PYTHON 1 /* a task written in Python */
#define VICTIM_QUEUED 2 /* it is in the loop's queue */
#define VICTIM_COLLECTED 4 /* it is in ts->waiters */

/*
 * Adds one victim of the current span or turn; `kind`: VICTIM_... Its wait also counts for its
 * coroutine. What is queued at the end of a turn and is of a coroutine that ran in it is no victim.
 */
int victim_add(struct thread_state *ts, __u64 task, __u32 kind, __u64 starved_ns);

#define POSITION_UNKNOWN 0xffffff00

/*
 * How long the `position`-th task of the queue has waited behind the span, at least; the first are
 * those that have left the queue to end the span (ts->queue.n_left).
 * POSITION_UNKNOWN: it has left the queue before.
 */
__u64 queued_ns(struct thread_state *ts, __u64 task, __u32 position);

/*
 * The same of a task of trio's batch. It was taken out of the queue before its turn's first step,
 * so before the span, unless that began with the turn.
 */
LS_INLINE __u64 batched_ns(struct thread_state *ts, __u64 task)
{
	return ts->cur.is_wake ? queued_ns(ts, task, POSITION_UNKNOWN) :
				 ts->victims.end_ns - ts->victims.start_ns;
}

/*
 * A task in the loop's queue. `is_new`: it has not run yet. If the current step made it, it is no
 * victim of that: it could not have run before this step ends.
 */
LS_INLINE void victim_add_queued(struct thread_state *ts, __u64 task, __u32 is_python,
				 __u32 position, __u32 is_new)
{
	__u64 number = ts->queue.taken + 1 + position - ts->queue.n_left;

	if (is_new && !ts->victims.is_turn && ts->cur.unit == LS_UNIT_STEP &&
	    ts->cur.arrived != ARRIVED_UNKNOWN && number > ts->cur.arrived)
		return;
	victim_add(ts, task, is_python | VICTIM_QUEUED, queued_ns(ts, task, position));
}

/* A sleeping task that became due at `when_ns`, before the span ended. */
LS_INLINE void victim_add_sleeper(struct thread_state *ts, __u64 task, __u32 is_python,
				  __u64 when_ns)
{
	if (!task)
		return;
	if (when_ns < ts->victims.start_ns)
		when_ns = ts->victims.start_ns;
	victim_add(ts, task, is_python, ts->victims.end_ns - when_ns);
}

LS_INLINE __u64 victim_coro(struct thread_state *ts, __u64 task, __u32 is_python)
{
	return is_python ? pytask_value(ts, &ts->victims.tasks, task, ts->victims.tasks.coro) :
			   read_ptr(task + ts->proc.py.at.task_coro);
}

LS_INLINE __u64 victim_name(struct thread_state *ts, __u64 task, __u32 is_python)
{
	return is_python ? pytask_value(ts, &ts->victims.tasks, task, ts->victims.tasks.name) :
			   read_ptr(task + ts->proc.py.at.task_name);
}

#endif
