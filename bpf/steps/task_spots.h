/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Spots of C tasks and of every loop: a step begins and ends, the loop's poll returns, a name
 * look-up begins. This is the hot path: what only a stall needs is done when the stall ends. `sp`
 * is the stack pointer at the spot.
 */
#ifndef LOOPSTALL_BPF_TASK_SPOTS_H
#define LOOPSTALL_BPF_TASK_SPOTS_H

#include "core/maps.h"
#include "core/meter.h"
#include "light/waiters.h"
#include "python/bare_loop.h"
#include "python/coroutines.h"
#include "python/frames.h"
#include "python/objects.h"
#include "python/outer_loop.h"
#include "stall/step_ends.h"
#include "steps/step.h"

/* Reads coroutine and code of the span's task, and once in a turn its loop. */
LS_INLINE void step_read_task(struct thread_state *ts, __u64 task, __u64 now_ns)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	const struct known_code *known;
	__u64 loop;
	__u32 size;

	ts->cur.task = task;
	ts->cur.is_python = 0;
	ts->cur.frame = 0;
	ts->cur.is_continued = 0;
	/*
	 * The loop is read once in a turn, and every 64 steps: where turns cannot be seen there is
	 * only one. Inside another span it may be another one. A read costs the same whatever its
	 * size, so it includes the coroutine.
	 */
	if (!(ts->turn_steps & 63) || ts->depth) {
		size = py->task_bytes & 0xff;
		barrier_var(size);
		if (read_user(ts->object, size & 0xff, task))
			count_loss(LS_LOSS_TASK_UNREADABLE);
		loop = object_word(ts, py->task_loop);
		ts->cur.coro = object_word(ts, py->task_coro);
		if (loop != ts->loop && ts->depth)
			inner_loop_enter(ts, loop, now_ns);
		else if (loop != ts->loop)
			thread_enter_loop(ts, loop, now_ns);
	} else {
		ts->cur.coro = read_ptr(task + py->task_coro);
	}
	known = coroutine_known(ts, ts->cur.coro);
	ts->cur.coroutine = known->index;
	ts->cur.code = known->is_coroutine ? known->code : 0;
	if (step_from_is_read(ts, known, now_ns))
		step_from_read(ts, ts->cur.coro, now_ns);
}

/* The stack pointers at which steps of the thread's loop begin outside other steps are few. */
LS_INLINE int is_known_step_sp(struct thread_state *ts, __u64 sp)
{
	return !ts->mark.code || ts->mark.step_sps[0] == sp || ts->mark.step_sps[1] == sp;
}

/*
 * Does a loop that the open callbacks run begin a step of this task? Most steps are known by their
 * stack pointer to be of the loop's own, which costs nothing.
 */
LS_INLINE int step_is_inner(struct thread_state *ts, __u64 task, __u64 sp)
{
	if (ts->cur.unit != LS_UNIT_CALLBACK || (!ts->cur.is_host && is_known_step_sp(ts, sp)))
		return 0;
	if (read_ptr(task + ts->proc.py.at.task_loop) != ts->loop && loop_is_outer(ts, INNER_OTHER))
		return 1;
	ts->mark.step_sps[1] = ts->mark.step_sps[0];
	ts->mark.step_sps[0] = sp;
	return 0;
}

LS_INLINE int on_step_enter(__u64 sp, __u64 first, __u64 second)
{
	METER(STEP_ENTER);
	__u64 now_ns = bpf_ktime_get_ns();
	struct thread_state *ts = current_thread();
	__u64 task;

	if (settings.is_light)
		return 0;
	if (!ts) {
		ts = thread_new();
		if (!ts)
			return 0;
	}
	thread_set_busy(ts, 1);
	thread_settle(ts, now_ns);
	if (!ts->proc.py.gil || !ts->proc.py.wakeup_call)
		thread_refresh(ts);
	if (!ts->has_stacks)
		thread_create_stacks(ts, bpf_get_current_task_btf());
	task = ts->proc.py.at.task_arg ? second : first;
	if (!step_begin(ts, sp, task, step_is_inner(ts, task, sp), now_ns))
		step_read_task(ts, task, now_ns);
	thread_set_busy(ts, 0);
	return 0;
}

LS_INLINE int on_step_exit(__u64 sp)
{
	METER(STEP_EXIT);
	__u64 now_ns = bpf_ktime_get_ns();
	struct thread_state *ts = current_thread();

	if (!ts || !ts->loop || settings.is_light)
		return 0;
	return step_exit(ts, sp, now_ns);
}

LS_INLINE int on_poll_return(__u64 sp)
{
	METER(POLL_RETURN);
	struct thread_state *ts = current_thread();
	__u64 now_ns;

	/* No step was seen yet. */
	if (!ts || !ts->loop || settings.is_light ||
	    (!ts->cur.is_light && (ts->cur.unit == LS_UNIT_STEP || ts->depth)))
		return 0;
	now_ns = bpf_ktime_get_ns();
	thread_set_busy(ts, 1);
	thread_settle(ts, now_ns);
	if (poll_is_inner(ts, sp)) {
		ts->cur.is_host = 1;
		ts->is_foreign_poll = 1;
	} else if (ts->cur.is_light) {
		light_close(ts, now_ns);
	}
	if (ts->is_foreign_poll) {
		ts->is_foreign_poll = 0;
		thread_set_busy(ts, 0);
		return 0;
	}
	callbacks_end(ts, now_ns, 0);
	turn_end(ts, now_ns);
	turn_wake(ts, now_ns);
	if (ts->is_late_wait)
		waiters_collect_late(ts, now_ns);
	thread_set_busy(ts, 0);
	return 0;
}

/* Of all that call poll or select, the loop's own are known by their callers. */
LS_INLINE int on_plain_poll_return(void)
{
	METER(POLL_RETURN);
	struct thread_state *ts = current_thread();
	__u64 now_ns;

	if (!ts || !ts->bare.is_plain || is_light(ts) || ts->cur.unit == LS_UNIT_STEP || ts->depth)
		return 0;
	now_ns = bpf_ktime_get_ns();
	thread_set_busy(ts, 1);
	thread_settle(ts, now_ns);
	if (ts->idle_at_ns || bare_poll_is_own(ts)) {
		callbacks_end(ts, ts->bare_left_ns ? ts->bare_left_ns : now_ns, 0);
		turn_end(ts, ts->bare_left_ns ? ts->bare_left_ns : now_ns);
		if (ts->bare_left_ns)
			ts->left_at_ns = ts->bare_left_ns;
		ts->bare_left_ns = 0;
		turn_wake(ts, now_ns);
	}
	thread_set_busy(ts, 0);
	return 0;
}

LS_INLINE int on_dns_enter(__u64 sp)
{
	METER(DNS_ENTER);
	struct thread_state *ts = current_thread();

	if (!ts || ts->cur.unit == LS_UNIT_NONE)
		return 0;
	thread_set_busy(ts, 1);
	ts->dns_frame = frame_top(ts);
	ts->dns_span = 0;
	if (ts->dns_frame && !frame_read(ts, ts->dns_frame)) {
		ts->dns_position = frame_word(ts, ts->proc.py.at.frame_position);
		ts->dns_sp = sp;
		ts->dns_span = ts->cur.number;
	}
	thread_set_busy(ts, 0);
	return 0;
}

#endif
