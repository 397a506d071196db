/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The step or callback that a loop thread is in when it is found. It began before there were
 * probes, so the kernel side has not seen its beginning: it is read from the process's memory.
 */
#include "session/parts.h"

/* The first `n` frames. Of a stack that changes the inner ones are not known. */
static void copy_frames(struct probe_inside *inside, const struct target_stack *stack, size_t n,
			uint16_t flags)
{
	inside->n_frames = n < LS_MAX_FRAMES ? n : LS_MAX_FRAMES;
	inside->flags = n > LS_MAX_FRAMES ? LS_STACK_TRUNCATED : flags;
	for (size_t i = 0; i < inside->n_frames; i++)
		inside->frames[i] = stack->frames[i].at;
	if (stack->is_torn)
		inside->n_frames = 0;
}

static void set_step(struct session *s, const struct watch *w, struct watch_loop *loop,
		     const struct target_stack *stack, const struct target_step *step,
		     struct probe_inside *inside)
{
	loop->late = (struct watch_late){ .coro = step->coro,
					  .task = step->task,
					  .qualname = step->qualname,
					  .name = step->name };
	/* In light mode the kernel side compares it with the task that it finds to be running. */
	inside->task = session__is_light(s, w) ? step->task : step->counted_as;
	inside->coro = step->coro;
	inside->code = stack->frames[step->frame].at.code;
	copy_frames(inside, stack, step->frame + 1, LS_STACK_AT_CORO);
}

/* What is in no step is a callback, or else the model sees from its stack that it is in neither. */
bool session__find_inside(struct session *s, struct watch *w,
			  const struct target_loop_thread *thread, struct probe_inside *ret)
{
	struct watch_loop *loop = watch__loop(w, thread->loop, thread->tid);
	struct target_stack stack;
	struct target_step step;
	int r;

	if (s->env->process->loop_state(w->target, thread->tid, thread->loop) !=
		    LOOP_STATE_OUTSIDE ||
	    target__thread_stack(w->target, thread->tstate, &stack) < 0)
		return false;
	*ret = (struct probe_inside){ .poll_fd = target__poll_fd(w->target, thread->loop) };
	if (ret->poll_fd < 0)
		ret->poll_fd = -1;
	r = target__step_of_stack(w->target, &stack, &step);
	session__note_cut(s, w, r);
	if (r >= 0)
		set_step(s, w, loop, &stack, &step, ret);
	else
		copy_frames(ret, &stack, stack.n_frames, 0);
	return true;
}

bool session__name_late_stall(struct session *s, struct ls_rec_stall *stall)
{
	struct watch *w = watches__find(&s->watches, (pid_t)stall->hdr.tgid);

	for (size_t i = 0; w && i < watch__known_loops(w); i++) {
		const struct watch_loop *l = &w->loops[i];

		if (l->tid != (pid_t)stall->hdr.tid || !l->late.coro || l->late.coro != stall->coro)
			continue;
		stall->task = l->late.task;
		stall->qualname = l->late.qualname;
		stall->name = l->late.name;
		return true;
	}
	return false;
}
