/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * asyncio's queues: the deque `_ready` of handles, the heap `_scheduled` of timers.
 */
#ifndef LOOPSTALL_BPF_ASYNCIO_H
#define LOOPSTALL_BPF_ASYNCIO_H

#include "core/maps.h"
#include "python/objects.h"
#include "python/pytasks.h"

/* What a bpf_loop() callback over a queue gets. */
struct queue_context {
	struct thread_state *ts;
};

int asyncio_visit_ready(struct thread_state *ts, __u64 ready);
/* Sleepers among the last `n` handles of the queue: their timers have fired. */
int asyncio_visit_fired(struct thread_state *ts, __u64 ready, __u32 n);
int asyncio_visit_timers(struct thread_state *ts, __u64 scheduled);

/* When the timer with this handle is due; 0 if that cannot be read. */
LS_INLINE __u64 timer_when_ns(struct thread_state *ts, __u64 handle)
{
	return seconds_bits_to_ns(read_ptr(read_ptr(handle + ts->proc.py.at.timer_when) +
					   ts->proc.py.at.float_value));
}

/* The task that a callback will step, of either kind; 0 if it is some other callback. */
LS_INLINE __u64 asyncio_task_of(struct thread_state *ts, __u64 callback, __u32 *ret_is_python)
{
	__u64 task = callback_task(&ts->proc, callback);

	*ret_is_python = 0;
	if (!task) {
		task = method_task(&ts->proc.py.at, &ts->victims.tasks, callback);
		*ret_is_python = !!task;
	}
	return task;
}

/* Is this the step of a task that has not run yet, or that yielded without waiting for anything? */
LS_INLINE __u32 callback_is_step(struct thread_state *ts, __u64 callback)
{
	const struct ls_proc *proc = &ts->proc;
	__u64 type = callback ? read_ptr(callback + proc->py.at.ob_type) : 0;

	if (!type)
		return 0;
	if (proc->py.step_call && read_ptr(type + proc->py.at.tp_call) == proc->py.step_call)
		return 1;
	return ts->victims.tasks.step &&
		read_ptr(callback + proc->py.at.ob_head) == ts->victims.tasks.step;
}

/*
 * The task that sleeps on a timer, from the timer's arguments. asyncio.sleep() has it set a future,
 * the first of them, and the task waits for that. A timer that is due moves from the heap to the
 * ready queue before it fires.
 */
LS_INLINE __u64 asyncio_sleeper(struct thread_state *ts, __u64 arguments, __u32 *ret_is_python)
{
	__u64 future = arguments ? read_ptr(arguments + ts->proc.py.at.tuple_items) : 0;

	*ret_is_python = 0;
	return future ? asyncio_task_of(ts, read_ptr(future + ts->proc.py.at.task_callback0),
					ret_is_python) :
			0;
}

#endif
