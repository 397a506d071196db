/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * trio's queues: a deque of tasks, the batch taken out of it, the heap of deadlines.
 */
#ifndef LOOPSTALL_BPF_TRIO_H
#define LOOPSTALL_BPF_TRIO_H

#include "python/objects.h"
#include "python/pytasks.h"

/* Has this coroutine not run yet? */
LS_INLINE __u32 coroutine_is_new(const struct ls_pyoffsets *py, __u64 coro)
{
	__s32 lasti = 0;
	__s8 state = 0;

	if (!coro)
		return 0;
	if (py->gen_frame == LS_PY_NONE)
		return !read_user(&state, sizeof(state), coro + py->gen_state) &&
			state < py->gen_awaits;
	return !read_user(&lasti, sizeof(lasti),
			  read_ptr(coro + py->gen_frame) + py->frame_position) &&
		lasti < 0;
}

/* The same of a task's; ts->victims.tasks is the loop's. */
LS_INLINE __u32 trio_task_is_new(struct thread_state *ts, __u64 task)
{
	const struct ls_pytasks *tasks = &ts->victims.tasks;

	return coroutine_is_new(&ts->proc.py.at, pytask_value(ts, tasks, task, tasks->coro));
}

int trio_visit_ready(struct thread_state *ts, __u64 ready);

/* Tasks that are in no queue: taken out of it, or asleep. */
int trio_visit_others(struct thread_state *ts);

#endif
