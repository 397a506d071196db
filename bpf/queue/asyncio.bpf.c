// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See asyncio.h. uvloop's ready queue is read here as well: it holds handles of its own layout.
 */
#include "queue/asyncio.h"

#include "queue/containers.h"
#include "queue/victims.h"

/* A handle that is no task's: a timer's, which knows since when its sleeper is due? */
static __always_inline long visit_fired(struct thread_state *ts, __u64 handle)
{
	__u32 is_python;
	__u64 task = asyncio_sleeper(ts, read_ptr(handle + ts->proc.py.at.handle_args), &is_python);

	if (task && task != ts->victims.current)
		victim_add_sleeper(ts, task, is_python, timer_when_ns(ts, handle));
	return 0;
}

/* bpf_loop() callback: the i-th handle of `_ready`, from its end. */
static long visit_last(__u32 i, struct queue_context *context)
{
	struct thread_state *ts = context->ts;
	__u64 handle;

	if (!ts)
		return 1;
	handle = deque_previous(ts);
	return handle ? visit_fired(ts, handle) : 1;
}

LS_SUBPROG int asyncio_visit_fired(struct thread_state *ts, __u64 ready, __u32 n)
{
	struct queue_context context = { .ts = ts };

	if (!ts || deque_open_end(ts, ready))
		return 0;
	bpf_loop(n, visit_last, &context, 0);
	return 0;
}

/* bpf_loop() callback: the i-th handle of `_ready`. */
static long visit_handle(__u32 i, struct queue_context *context)
{
	struct thread_state *ts = context->ts;
	__u64 handle, callback, task;
	__u32 is_python;

	if (!ts)
		return 1;
	handle = deque_next(ts);
	if (!handle)
		return 1;
	callback = read_ptr(handle + ts->queue.handle_callback);
	task = asyncio_task_of(ts, callback, &is_python);
	if (!task)
		return visit_fired(ts, handle);
	if (task != ts->victims.current)
		victim_add_queued(ts, task, is_python, i + ts->queue.n_left,
				  callback_is_step(ts, callback));
	return 0;
}

LS_SUBPROG int asyncio_visit_ready(struct thread_state *ts, __u64 ready)
{
	struct queue_context context = { .ts = ts };

	if (!ts)
		return 0;
	bpf_loop(deque_open(ts, ready), visit_handle, &context, 0);
	return 0;
}

/* bpf_loop() callback: the i-th entry of `_scheduled`. A sleeper that is due is a victim. */
static long visit_timer(__u32 i, struct queue_context *context)
{
	struct thread_state *ts = context->ts;
	__u64 handle, when_ns, task;
	__u32 is_python;

	if (!ts)
		return 1;
	handle = read_ptr(ts->queue.items + 8 * i);
	if (!handle)
		return 1;
	when_ns = timer_when_ns(ts, handle);
	if (!when_ns || when_ns >= ts->victims.end_ns)
		return 0;
	task = asyncio_sleeper(ts, read_ptr(handle + ts->proc.py.at.handle_args), &is_python);
	victim_add_sleeper(ts, task, is_python, when_ns);
	return 0;
}

LS_SUBPROG int asyncio_visit_timers(struct thread_state *ts, __u64 scheduled)
{
	struct queue_context context = { .ts = ts };

	if (!ts)
		return 0;
	bpf_loop(list_open(ts, scheduled), visit_timer, &context, 0);
	return 0;
}
