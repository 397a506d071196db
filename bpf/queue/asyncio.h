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
int asyncio_visit_timers(struct thread_state *ts, __u64 scheduled);

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
