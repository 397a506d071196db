// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Uprobes of tasks written in Python: their scheduler resumes the coroutine through
 * coroutine.send() or .throw(). Generators, and coroutines that a step resumes itself, come the
 * same way and are no steps.
 */
#include "core/maps.h"
#include "python/coroutines.h"
#include "python/frames.h"
#include "core/meter.h"
#include "python/pytasks.h"
#include "stall/step_ends.h"
#include "steps/step.h"

#define MAX_DELEGATION 16 /* coroutines that pass an exception on to each other */
#define FRAME_OWNED_BY_GENERATOR 1 /* cpython: Include/internal/pycore_frame.h, from 3.11 on */

/* The coroutine that owns the frame in ts->frame, which was read from `frame`; 0 if none does. */
static __always_inline __u64 frame_coroutine(const struct thread_state *ts, __u64 frame)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	__u64 gen;

	if (py->frame_generator != LS_PY_NONE)
		gen = frame_word(ts, py->frame_generator);
	else if (ts->frame[py->frame_owner & FRAME_MASK] == FRAME_OWNED_BY_GENERATOR)
		gen = frame - py->gen_iframe;
	else
		gen = 0;
	return gen && read_ptr(gen + py->ob_type) == ts->proc.py.coro_type ? gen : 0;
}

/*
 * Fills ts->caller for a coroutine that is resumed under the Python frame `frame`. An exception
 * thrown into a task reaches the innermost coroutine of its await chain first, with the outer ones
 * as callers: the outermost is the task's own.
 */
LS_SUBPROG int caller_find(struct thread_state *ts, __u64 coro, __u64 frame)
{
	__u32 i;

	if (!ts)
		return 0;
	ts->caller.coro = coro;
	ts->caller.frame = 0;
	ts->caller.code = 0;
	for (i = 0; i < MAX_DELEGATION; i++) {
		if (!frame || frame_read(ts, frame))
			return 0;
		coro = frame_coroutine(ts, frame);
		if (!coro) {
			ts->caller.frame = frame;
			ts->caller.code = frame_word(ts, ts->proc.py.at.frame_code) &
				~(__u64)ts->proc.py.at.tag_mask;
			return 0;
		}
		ts->caller.coro = coro;
		frame = frame_word(ts, ts->proc.py.at.frame_previous);
	}
	return 0;
}

/*
 * Does the loop that user space found on this thread still run? If not, deletes it, so that user
 * space searches again: one loop may follow another, and their tasks look alike. Returns 1 if it
 * was deleted.
 */
LS_SUBPROG int owner_check(struct thread_state *ts)
{
	struct ls_loop_key key = {};
	struct ls_loop *loop;
	__u64 task;

	if (!ts || !ts->loop || ts->loop != ts->tstate)
		return 0;
	loop = loop_of(ts);
	if (!loop)
		return 0;
	task = pytask_resumed(&ts->proc.py.at, &loop->py.tasks, ts->cur.frame, ts->cur.coro);
	if (!task ||
	    pytask_attribute(&ts->proc.py.at, &loop->py.tasks, task, loop->py.tasks.owned_by) ==
		    loop->py.tasks.owner)
		return 0;
	key.loop = ts->loop;
	key.tgid = ts->tgid;
	bpf_map_delete_elem(&loops, &key);
	return 1;
}

static __always_inline void resume_read_task(struct thread_state *ts, __u64 resumed, __u32 is_frame,
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
	 */
	if (ts->caller.code != ts->scheduler || !ts->loop ||
	    (!(ts->turn_steps & 63) && owner_check(ts))) {
		ts->scheduler = ts->caller.code;
		thread_enter_loop(ts, 0, now_ns);
	}
}

#define THROWN 2 /* for certain; 1: an argument of the call says so */

/* From 3.15 on each method has its own spots, and that argument means something else. */
static __always_inline __u32 throws(const struct ls_proc *proc, __u32 is_throw)
{
	return is_throw == THROWN || (is_throw && proc->py.at.minor < 15);
}

/*
 * The state of this thread, created if needed; NULL if the resumed object is no coroutine or the
 * process is not watched. A throw alone does not create it: it may be a close() during an import.
 */
static __always_inline struct thread_state *resume_thread(__u64 coro_or_frame, __u32 is_frame,
							  __u32 *is_throw, __u64 *ret_coro)
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

static __always_inline int resume_enter(__u64 sp, __u64 coro_or_frame, __u32 is_frame,
					__u32 is_throw, __u32 is_step)
{
	__u64 now_ns = bpf_ktime_get_ns(), coro, caller;
	struct thread_state *ts = resume_thread(coro_or_frame, is_frame, &is_throw, &coro);
	__u32 is_inside;

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
		thread_find_tstate(ts, thread_pointer(&bpf_get_current_task_btf()->thread));
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
	    !step_begin(ts, sp, ts->caller.coro, now_ns))
		resume_read_task(ts, coro, is_frame, now_ns);
	thread_set_busy(ts, 0);
	return 0;
}

/* Was the coroutine that is resumed now announced? Clears the announcement. */
static __always_inline int take_announced(void)
{
	struct thread_state *ts = current_thread();

	if (!ts || !ts->is_announced)
		return 0;
	ts->is_announced = 0;
	return 1;
}

/*
 * All spots at which a coroutine is resumed; the cookie is the kind of spot (enum ls_spot). FRAME:
 * a call of the evaluation function; arguments 1 and 2 are the frame and whether an exception is
 * thrown. CORO: a call of gen_send_ex2() with coroutine, value, result and whether an exception is
 * thrown. THROW: the same in coroutine.throw() only. TASK: send() or throw() of the announced
 * coroutine.
 */
SEC("uprobe")
int on_resume(struct pt_regs *ctx)
{
	METER(RESUME);
	__u64 kind = bpf_get_attach_cookie(ctx), first = call_arg0(ctx), second = call_arg1(ctx);
	__u32 third = (__u32)call_arg2(ctx), fourth = (__u32)call_arg3(ctx), is_throw = 0;

	if (kind == LS_SPOT_RESUME_FRAME)
		is_throw = third != 0;
	else if (kind == LS_SPOT_RESUME_CORO)
		is_throw = fourth != 0;
	else if (kind == LS_SPOT_RESUME_THROW)
		is_throw = THROWN;
	else if (!take_announced())
		return 0;
	return resume_enter(reg_sp(ctx), kind == LS_SPOT_RESUME_FRAME ? second : first,
			    kind == LS_SPOT_RESUME_FRAME, is_throw, kind == LS_SPOT_TASK_RESUME);
}

/* The next coroutine that is resumed on this thread is a task's. */
SEC("uprobe")
int on_task_announce(struct pt_regs *ctx)
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
static __always_inline int is_step_at(const struct thread_state *ts, __u64 sp)
{
	__u32 i;

	if (ts->cur.unit != LS_UNIT_STEP)
		return 0;
	for (i = 0; i < LS_MAX_NEST; i++)
		if (i < ts->depth && ts->outer[i].sp == sp)
			return 1;
	return ts->cur.sp == sp;
}

/* End of a resume: after the call, or where asyncio leaves the task. */
SEC("uprobe")
int on_resume_exit(struct pt_regs *ctx)
{
	METER(RESUME_EXIT);
	__u64 now_ns = bpf_ktime_get_ns(), sp = reg_sp(ctx);
	struct thread_state *ts = current_thread();

	if (!ts || settings.is_light)
		return 0;
	if (bpf_get_attach_cookie(ctx) == LS_SPOT_TASK_LEAVE) {
		ts->is_announced = 0;
		if (!ts->cur.is_python)
			return 0;
		sp = ts->cur.sp;
	}
	if (!is_step_at(ts, sp))
		return 0;
	thread_set_busy(ts, 1);
	thread_settle(ts, now_ns);
	step_end(ts, sp, now_ns);
	thread_set_busy(ts, 0);
	return 0;
}
