/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a thread does and what a loop is in, from what was read.
 */
#include <string.h>

#include "dump/dump.h"
#include "runtime/runtime.h"

enum dump_doing dump_doing_of(const struct proc_thread *thread, bool is_lock_wait)
{
	switch (thread->state) {
	case 'T':
		return DUMP_STOPPED;
	case 't':
		return DUMP_TRACED;
	case 0:
		return DUMP_UNKNOWN;
	}
	switch (thread->call) {
	case PROC_CALL_IN:
		return is_lock_wait ? DUMP_GIL : DUMP_SYSCALL;
	case PROC_CALL_RUNNING:
		return DUMP_CPU;
	case PROC_CALL_NONE:
		return DUMP_BLOCKED;
	case PROC_CALL_UNKNOWN:
		break;
	}
	return thread->state == 'R' ? DUMP_CPU : DUMP_SLEEPING;
}

static enum frame_role role_of(const struct dump *d, const struct dump_frame *frame)
{
	const struct runtime_words *words = target__words(d->target);

	return words->frame_role ? words->frame_role(frame->file, frame->function) : FRAME_USER;
}

static bool is_loops_own(enum frame_role role)
{
	return role == FRAME_LOOP || role == FRAME_RESUMES || role == FRAME_TURN;
}

/* The innermost frames are the loop's own: its selector, called by the loop. */
static bool is_in_selector(const struct dump *d, const struct dump_thread *th)
{
	return th->stack.n_frames >= 2 && !th->stack.is_torn &&
		is_loops_own(role_of(d, &th->frames[0])) &&
		is_loops_own(role_of(d, &th->frames[1]));
}

static bool is_poll_call(const char *syscall)
{
	return !strncmp(syscall, "epoll_", 6) || strstr(syscall, "poll") ||
		strstr(syscall, "select");
}

/* By the descriptor where that is known: code that a loop runs may poll as well. */
static bool is_polling(const struct dump_thread *th, int poll_fd, bool is_in_loop)
{
	const char *name = th->syscall;

	if (th->kernel.call == PROC_CALL_UNKNOWN)
		return th->kernel.state == 'S' && is_in_loop;
	if (th->kernel.call != PROC_CALL_IN || !name)
		return false;
	if (!strncmp(name, "epoll_", 6) && poll_fd >= 0)
		return th->kernel.args[0] == (uint64_t)poll_fd;
	return is_poll_call(name) && is_in_loop;
}

static const struct target_task *find_task(const struct target_tasks *tasks, uint64_t coro)
{
	for (size_t i = 0; coro && i < tasks->n; i++)
		if (tasks->list[i].coro == coro)
			return &tasks->list[i];
	return NULL;
}

static void set_coroutine(const struct dump *d, struct dump_loop *l, uint64_t code,
			  uint64_t qualname)
{
	d->resolver.ops->code(d->resolver.ctx, (uint32_t)d->target->pid, code, qualname,
			      &l->coroutine);
}

/* The innermost coroutine on the stack that is a task's own. */
static bool find_step(const struct dump *d, struct dump_loop *l, const struct target_tasks *tasks)
{
	const struct target_stack *stack = &l->thread->stack;

	for (size_t i = 0; i < stack->n_frames; i++) {
		const struct target_task *task = find_task(tasks, stack->frames[i].coro);

		if (!task)
			continue;
		l->unit = DUMP_UNIT_STEP;
		l->n_unit_frames = i + 1;
		l->task = task->task;
		snprintf(l->task_name, sizeof(l->task_name), "%s", task->name);
		set_coroutine(d, l, stack->frames[i].at.code, task->qualname);
		return true;
	}
	return false;
}

/*
 * The outermost function in what the loop's own frame has called that is no machinery; a coroutine
 * is a step of a task. What is written in C has no frame.
 */
static void find_callback(const struct dump *d, struct dump_loop *l)
{
	const struct dump_thread *th = l->thread;
	size_t n = 0, n_unit = 0;

	while (n < th->stack.n_frames && role_of(d, &th->frames[n]) != FRAME_BOUNDARY) {
		n++;
		if (role_of(d, &th->frames[n - 1]) == FRAME_USER)
			n_unit = n;
	}
	if (n == th->stack.n_frames)
		return;
	l->unit = DUMP_UNIT_LOOP;
	if (!n && *l->callee.name) {
		l->unit = DUMP_UNIT_CALLBACK;
		l->coroutine = (struct code_info){ .name = l->callee.name, .file = l->callee.file };
	}
	if (!n_unit)
		return;
	l->n_unit_frames = n_unit;
	l->unit = th->stack.frames[n - 1].coro ? DUMP_UNIT_STEP : DUMP_UNIT_CALLBACK;
	set_coroutine(d, l, th->stack.frames[n_unit - 1].at.code, 0);
}

/*
 * A step that switched to another stack (greenlet) has its coroutine on the one it left; the
 * coroutine itself says that it runs. It counts if it is the only one of the loop.
 */
static void find_switched_step(const struct dump *d, struct dump_loop *l,
			       const struct target_tasks *tasks)
{
	const struct target_task *found = NULL;

	for (size_t i = 0; i < tasks->n; i++) {
		const struct target_task *task = &tasks->list[i];

		if (task->state != TARGET_TASK_RUNNING || task->loop != l->info.loop)
			continue;
		if (found)
			return;
		found = task;
	}
	if (!found || !l->thread->stack.n_frames)
		return;
	l->unit = DUMP_UNIT_STEP;
	l->n_unit_frames = l->thread->stack.n_frames;
	l->task = found->task;
	snprintf(l->task_name, sizeof(l->task_name), "%s", found->name);
	set_coroutine(d, l, found->code, found->qualname);
}

/* The greenlet of the library's loop is another one. */
static bool is_greenlet(const struct dump *d, const struct dump_thread *th)
{
	return th->tid == d->target->pid && !th->stack.is_torn &&
		target__is_greenlet(d->target, &th->stack);
}

bool dump__shows_loop(const struct dump *d, const struct dump_thread *th,
		      struct target_loop_thread *ret_loop)
{
	const struct runtime_words *words = target__words(d->target);
	const struct target_stack *stack = &th->stack;
	size_t i = 0;

	while (i < stack->n_frames && words->runs_loop &&
	       !words->runs_loop(th->frames[i].file, th->frames[i].function))
		i++;
	*ret_loop = (struct target_loop_thread){ .tid = th->tid,
						 .loop = th->tstate,
						 .tstate = th->tstate,
						 .kind = d->target->runtime->shown_loop,
						 .poll_fd = -1 };
	if (i == stack->n_frames || !words->runs_loop) {
		ret_loop->bare.has_greenlets = is_greenlet(d, th);
		return ret_loop->bare.has_greenlets;
	}
	while (i + 1 < stack->n_frames && role_of(d, &th->frames[i]) == FRAME_LOOP)
		i++;
	ret_loop->bare.codes[0] = stack->frames[i].at.code;
	return true;
}

static bool is_runner(const struct ls_bare_loop *bare, uint64_t code)
{
	for (size_t i = 0; i < LS_LOOP_CODES; i++)
		if (code && code == bare->codes[i])
			return true;
	return false;
}

/*
 * Of a loop of which no more is known than its poll, in which it is if the function that runs it
 * calls it, directly or through the loop's machinery. What else that function calls is a callback,
 * named after the outermost function that is no machinery; so is what runs on the stack of another
 * greenlet.
 */
static void judge_bare(const struct dump *d, struct dump_loop *l, int poll_fd)
{
	const struct dump_thread *th = l->thread;
	const struct target_stack *stack = &th->stack;
	size_t n = 0, n_user = 0, outermost = 0;

	for (; n < stack->n_frames && !is_runner(&l->info.bare, stack->frames[n].at.code); n++) {
		if (role_of(d, &th->frames[n]) != FRAME_USER)
			continue;
		n_user++;
		outermost = n;
	}
	if (!stack->n_frames || (n == stack->n_frames && !l->info.bare.has_greenlets))
		return;
	l->unit = DUMP_UNIT_LOOP;
	if (!n_user && !stack->is_torn && is_polling(th, poll_fd, true))
		l->unit = DUMP_UNIT_POLL;
	if (!n_user)
		return;
	l->unit = DUMP_UNIT_CALLBACK;
	l->n_unit_frames = n;
	set_coroutine(d, l, stack->frames[outermost].at.code, 0);
}

void dump__judge_loop(const struct dump *d, struct dump_loop *l, int poll_fd,
		      const struct target_tasks *tasks)
{
	l->unit = DUMP_UNIT_OTHER;
	if (!l->thread)
		return;
	if (target_loop_kind_is_bare(l->info.kind)) {
		judge_bare(d, l, poll_fd);
		return;
	}
	if (is_polling(l->thread, poll_fd, is_in_selector(d, l->thread)))
		l->unit = DUMP_UNIT_POLL;
	else if (!find_step(d, l, tasks))
		find_callback(d, l);
	if (l->unit == DUMP_UNIT_OTHER)
		find_switched_step(d, l, tasks);
}
