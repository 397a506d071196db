/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The queues of a loop, whatever kind of loop it is. Each kind has a file that passes every task
 * that waits in them to victim_add(); a further kind is one more file and a case here.
 */
#ifndef LOOPSTALL_BPF_QUEUE_H
#define LOOPSTALL_BPF_QUEUE_H

#include "core/span.h"
#include "queue/asyncio.h"
#include "queue/libuv.h"
#include "queue/trio.h"

enum queue_kind { QUEUE_ASYNCIO, QUEUE_LIBUV, QUEUE_TRIO };

LS_INLINE __u32 queue_kind(const struct ls_loop *loop)
{
	if (loop->py.tasks.is_queued_bare)
		return QUEUE_TRIO;
	return !loop->py.scheduled && loop->py.uv_timers ? QUEUE_LIBUV : QUEUE_ASYNCIO;
}

/* Did user space find the queues? */
LS_INLINE int queue_is_known(const struct ls_loop *loop)
{
	return loop->py.ready && (loop->py.handle_callback || loop->py.tasks.is_queued_bare);
}

LS_INLINE void queue_visit(struct thread_state *ts, const struct ls_loop *loop)
{
	__u64 ready = loop->py.ready;

	ts->queue.handle_callback = loop->py.handle_callback;
	ts->queue.uv_timer_context = loop->py.uv_timer_context;
	ts->queue.uv_timer_args = loop->py.uv_timer_args;
	switch (queue_kind(loop)) {
	case QUEUE_TRIO:
		trio_visit_ready(ts, ready);
		trio_visit_others(ts);
		break;
	case QUEUE_LIBUV:
		asyncio_visit_ready(ts, ready);
		libuv_visit_timers(ts, loop->py.uv_timers);
		break;
	default:
		asyncio_visit_ready(ts, ready);
		if (loop->py.scheduled)
			asyncio_visit_timers(ts, loop->py.scheduled);
	}
}

/*
 * Does this entry of the ready queue run a task that has not run before? ts->victims.tasks is the
 * loop's.
 */
LS_INLINE __u32 entry_is_new(struct thread_state *ts, const struct ls_loop *loop, __u64 entry)
{
	if (queue_kind(loop) == QUEUE_TRIO)
		return trio_task_is_new(ts, entry);
	return callback_is_step(ts, read_ptr(entry + loop->py.handle_callback));
}

#endif
