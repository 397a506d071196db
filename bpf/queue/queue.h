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

/* `n_left`: number of tasks that have left the queue to end the span. */
LS_INLINE void queue_visit(struct thread_state *ts, const struct ls_loop *loop, __u32 n_left)
{
	__u64 ready = loop->py.ready;

	ts->queue.n_left = n_left;
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

/* Remembers how many handles wait, at the first chance inside a span. */
LS_INLINE void queue_first_look(struct thread_state *ts, __u64 now_ns)
{
	struct ls_loop *loop;
	__u64 length;

	if (ts->cur.ready_ns)
		return;
	loop = loop_of(ts);
	if (!loop || !loop->py.ready)
		return;
	ts->cur.ready_ns = now_ns;
	length = read_ptr(loop->py.ready + ts->proc.py.at.ob_size);
	ts->cur.ready = length < LS_MAX_READY ? length : LS_MAX_READY;
}

#endif
