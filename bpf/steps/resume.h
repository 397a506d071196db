/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Spots of tasks written in Python: their scheduler resumes the coroutine through coroutine.send()
 * or .throw(). Generators, and coroutines that a step resumes itself, come the same way and are no
 * steps. `sp` is the stack pointer at the spot.
 */
#ifndef LOOPSTALL_BPF_RESUME_H
#define LOOPSTALL_BPF_RESUME_H

#include "core/maps.h"
#include "core/meter.h"
#include "python/coroutines.h"
#include "python/frames.h"
#include "python/outer_loop.h"
#include "stall/step_ends.h"
#include "steps/step.h"

/*
 * Fills ts->caller for a coroutine that is resumed under the Python frame `frame`. An exception
 * thrown into a task reaches the innermost coroutine of its await chain first, with the outer ones
 * as callers: the outermost is the task's own.
 */
LS_SUBPROG int caller_find(struct thread_state *ts, __u64 coro, __u64 frame);

/*
 * Does the loop that user space found on this thread still run? If not, deletes it, so that user
 * space searches again: one loop may follow another, and their tasks look alike. Returns 1 if it
 * was deleted.
 */
LS_SUBPROG int owner_check(struct thread_state *ts);

LS_INLINE void resume_read_task(struct thread_state *ts, __u64 resumed, __u32 is_frame,
				__u64 now_ns)
{
	__u64 coro = ts->caller.coro;
	const struct known_code *known = coroutine_known(ts, coro);

	ts->cur.is_python = 1;
	ts->cur.is_continued = ts->delegated && ts->delegated == coro;
	ts->delegated = resumed != coro ? coro : 0;
	ts->cur.task = coro;
	ts->cur.coro = coro;
	ts->cur.frame = ts->caller.frame;
	ts->cur.coroutine = known->index;
	ts->cur.code = known->is_coroutine ? known->code : 0;
	/*
	 * At the call of the evaluation function it runs already. One that goes on because what it
	 * awaited has raised resumes where the step before did.
	 */
	if (!is_frame && !ts->cur.is_continued && step_from_is_read(ts, known, now_ns))
		step_from_read(ts, resumed, now_ns);
	/*
	 * C tasks of the same loop give its address; a task written in Python does not change that.
	 * That of a loop inside another one is not known.
	 */
	if (ts->depth)
		return;
	if (ts->caller.code != ts->scheduler || !ts->loop ||
	    (!(ts->turn_steps & 63) && owner_check(ts))) {
		ts->scheduler = ts->caller.code;
		thread_enter_loop(ts, 0, now_ns);
	}
}

#define THROWN 2 /* for certain; 1: an argument of the call says so */

/* From 3.15 on each method has its own spots, and that argument means something else. */
LS_INLINE __u32 throws(const struct ls_proc *proc, __u32 is_throw)
{
	return is_throw == THROWN || (is_throw && proc->py.at.minor < 15);
}

/*
 * The state of this thread, created if needed; NULL if the resumed object is no coroutine or the
 * process is not watched. A throw alone does not create it: it may be a close() during an import.
 */
LS_INLINE struct thread_state *resume_thread(__u64 coro_or_frame, __u32 is_frame, __u32 *is_throw,
					     __u64 *ret_coro)
{
	struct thread_state *ts = current_thread();
	struct ls_proc *proc;
	__u32 tgid;

	if (ts) {
		*is_throw = throws(&ts->proc, *is_throw);
		*ret_coro = is_frame ? coro_or_frame - ts->proc.py.at.gen_iframe : coro_or_frame;
		return read_ptr(*ret_coro + ts->proc.py.at.ob_type) == ts->proc.py.coro_type ? ts :
											       NULL;
	}
	tgid = bpf_get_current_pid_tgid() >> 32;
	proc = bpf_map_lookup_elem(&procs, &tgid);
	if (!proc)
		return NULL;
	*is_throw = throws(proc, *is_throw);
	if (*is_throw)
		return NULL;
	*ret_coro = is_frame ? coro_or_frame - proc->py.at.gen_iframe : coro_or_frame;
	return read_ptr(*ret_coro + proc->py.at.ob_type) == proc->py.coro_type ? thread_new() :
										 NULL;
}

/* Was the coroutine that is resumed now announced? Clears the announcement. */
LS_INLINE int take_announced(void)
{
	struct thread_state *ts = current_thread();

	if (!ts || !ts->is_announced)
		return 0;
	ts->is_announced = 0;
	return 1;
}

/* Is it resumed by a loop that the open callbacks run? That one has polled before. */
LS_INLINE int resume_is_inner(struct thread_state *ts)
{
	return ts->cur.unit == LS_UNIT_CALLBACK && ts->cur.is_host &&
		loop_is_outer(ts, INNER_PYTHON_STEP);
}

/*
 * A coroutine is resumed, or is_frame: the one that owns the frame. is_step: it is a step if its
 * task was announced.
 */
LS_INLINE int on_resume(__u64 sp, __u64 coro_or_frame, __u32 is_frame, __u32 is_throw,
			__u32 is_step)
{
	METER(RESUME);
	__u64 now_ns, coro, caller;
	struct thread_state *ts;
	__u32 is_inside;

	if (is_step && !take_announced())
		return 0;
	now_ns = bpf_ktime_get_ns();
	ts = resume_thread(coro_or_frame, is_frame, &is_throw, &coro);
	if (!ts || settings.is_light)
		return 0;
	thread_set_busy(ts, 1);
	thread_settle(ts, now_ns);
	if (!ts->proc.py.gil)
		thread_refresh(ts);
	if (!ts->has_stacks)
		thread_create_stacks(ts, bpf_get_current_task_btf());
	is_inside = !is_step && ts->cur.unit == LS_UNIT_STEP && ts->cur.sp > sp;
	if (!ts->tstate)
		thread_find_tstate(ts, current_thread_key());
	/* 3.11 has already pushed the coroutine's frame. */
	caller = frame_top(ts);
	if (is_frame && caller == coro_or_frame)
		caller = read_ptr(caller + ts->proc.py.at.frame_previous);
	caller_find(ts, coro, caller);
	/*
	 * Inside a step it is a nested step only if a scheduler resumes it: an eager start or a
	 * nested loop. The same holds for a throw.
	 */
	if (((!is_inside && !is_throw) || is_step ||
	     (ts->caller.code && ts->caller.code == ts->scheduler)) &&
	    !step_begin(ts, sp, ts->caller.coro, resume_is_inner(ts), now_ns))
		resume_read_task(ts, coro, is_frame, now_ns);
	thread_set_busy(ts, 0);
	return 0;
}

/* The next coroutine that is resumed on this thread is a task's. */
LS_INLINE int on_task_announce(void)
{
	METER(TASK_ANNOUNCE);
	struct thread_state *ts = current_thread();

	if (!ts)
		ts = thread_new();
	if (ts)
		ts->is_announced = 1;
	return 0;
}

/* Did a step begin at this stack pointer? Resumes that are no steps end here as well. */
LS_INLINE int is_step_at(const struct thread_state *ts, __u64 sp)
{
	__u32 i;

	if (ts->cur.unit != LS_UNIT_STEP)
		return 0;
	for (i = 0; i < LS_MAX_NEST; i++)
		if (i < ts->depth && ts->outer[i].sp == sp)
			return 1;
	return ts->cur.sp == sp;
}

/* The end of a resume: after the call, or is_leave: where asyncio leaves the task. */
LS_INLINE int on_resume_exit(__u64 sp, __u32 is_leave)
{
	METER(RESUME_EXIT);
	__u64 now_ns = bpf_ktime_get_ns();
	struct thread_state *ts = current_thread();

	if (!ts || settings.is_light)
		return 0;
	if (is_leave) {
		ts->is_announced = 0;
		if (!ts->cur.is_python)
			return 0;
		sp = ts->cur.sp;
	}
	if (!is_step_at(ts, sp))
		return 0;
	return step_exit(ts, sp, now_ns);
}

#endif
