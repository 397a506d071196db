/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Tasks that wait behind a span: counted, reported by name, or collected for later.
 */
#ifndef LOOPSTALL_BPF_VICTIMS_H
#define LOOPSTALL_BPF_VICTIMS_H

#include "core/port.h"
#include "core/state.h"
#include "python/pytasks.h"

enum victims_use {
	VICTIMS_COUNTED,
	VICTIMS_NAMED, /* and a record for each, up to LS_MAX_VICTIM_NAMES */
	VICTIMS_COLLECTED, /* into ts->waiters, for a span that goes on */
};

/* Prepares ts->victims for a new report. */
LS_INLINE void victims_reset(struct thread_state *ts, __u64 end_ns, __u32 use)
{
	ts->victims.starved_ns = 0;
	ts->victims.n = 0;
	ts->victims.named = use == VICTIMS_NAMED ? 0 : LS_MAX_VICTIM_NAMES;
	ts->victims.flags = 0;
	ts->victims.end_ns = end_ns;
	ts->victims.is_collecting = use == VICTIMS_COLLECTED;
}

/*
 * Reads the loop's queues for tasks that wait at `end_ns`, which may lie ahead, and leaves their
 * sums in ts->victims. `entering` is the task (one written in Python: its coroutine) whose step
 * ends the span and that has left the queue for that, else 0. Called before the span's own record
 * is reserved: the ring keeps the order of reservations.
 */
int victims_report(struct thread_state *ts, __u64 end_ns, __u64 entering, __u32 use);

/* Adds one victim of the current span. Its wait also counts for its coroutine. */
int victim_add(struct thread_state *ts, __u64 task, __u32 is_python, __u64 starved_ns);

/*
 * A task that was in the queue at the first look, as the `position`-th, waited through the whole
 * span; of a later one only the end of its wait is sure.
 */
LS_INLINE void victim_add_queued(struct thread_state *ts, __u64 task, __u32 is_python,
				 __u32 position)
{
	victim_add(ts, task, is_python,
		   position < ts->cur.ready ? ts->victims.end_ns - ts->cur.start_ns : 0);
}

/* A sleeping task that became due at `when_ns`, before the span ended. */
LS_INLINE void victim_add_sleeper(struct thread_state *ts, __u64 task, __u32 is_python,
				  __u64 when_ns)
{
	if (!task)
		return;
	if (when_ns < ts->cur.start_ns)
		when_ns = ts->cur.start_ns;
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
