/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See py_polls.h. Only the epoll of Python's own module counts: a poll() or select() may as well be
 * a call that waits for one socket or for a child, and other libraries (gevent) poll elsewhere.
 */
#include "python/py_polls.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "process/loop_state.h"
#include "process/proc_thread.h"
#include "python/py_frames.h"
#include "python/py_memory.h"
#include "python/py_tids.h"
#include "python/py_tstates.h"
#include "python/python.h"

#define MAX_FRAMES 16 /* of machinery between the poll and the function that runs the loop */

static int read_target(void *ctx, uint64_t addr, void *buf, size_t size)
{
	return target__read(ctx, addr, buf, size);
}

/* The role of a function in a loop. One that cannot be read counts as the user's. */
static enum frame_role role_of(const struct target *t, uint64_t code)
{
	struct frame_source source = { .read = read_target, .ctx = (void *)t, .proc = t->proc };
	enum frame_role role = FRAME_USER;
	struct code_stamp stamp;
	struct code_names names;

	if (py_code_stamp(&source, code, &stamp) < 0)
		return FRAME_USER;
	py_code_names(&source, &stamp, &names);
	if (names.name && names.file)
		role = runtime_words__frame_role(t->runtime->words, names.file, names.name);
	free(names.name);
	free(names.file);
	return role;
}

/* What a thread that waits in an epoll is in. -ENOENT: it does not, or cannot be read. */
static int read_epoll(const struct target *t, pid_t tid, struct proc_thread *ret_thread)
{
	const int r = tid > 0 ? proc_thread__read(ret_thread, t->pid, tid) : -ENOENT;

	if (r < 0)
		return limits__is_lack(r) ? r : -ENOENT;
	return proc_thread__is_in_epoll(ret_thread) ? 0 : -ENOENT;
}

/* The same with its stack, which counts if the thread waits before and after it was read. */
static int read_waiting(const struct target *t, uint64_t tstate, pid_t tid,
			struct proc_thread *ret_thread, struct target_stack *ret_stack)
{
	int r = read_epoll(t, tid, ret_thread);

	if (r < 0)
		return r;
	r = py_thread_stack(t, tstate, ret_stack);
	if (r < 0)
		return limits__is_lack(r) ? r : -ENOENT;
	r = read_epoll(t, tid, ret_thread);
	if (!r && (!ret_stack->n_frames || ret_stack->is_torn))
		return -ENOENT;
	return r;
}

static pid_t tid_of(const struct target *t, uint64_t tstate)
{
	_cleanup_(tid_map__done) struct tid_map tids = { 0 };
	const pid_t tid = tid_map__read(&tids, t) < 0 ? 0 : tid_map__of_thread(&tids, t, tstate);

	return tid > 0 ? tid : 0;
}

/* The innermost function that is no machinery of a loop. */
static uint64_t runner_of(const struct target *t, const struct target_stack *stack)
{
	size_t i = 0;

	while (i + 1 < stack->n_frames && i < MAX_FRAMES &&
	       role_of(t, stack->frames[i].at.code) == FRAME_LOOP)
		i++;
	return stack->frames[i].at.code;
}

int py_polls__describe(const struct target *t, struct target_loop_thread *thread)
{
	struct proc_thread waiting;
	struct target_stack stack;
	int r = read_waiting(t, thread->tstate, thread->tid, &waiting, &stack);

	if (r == -ENOENT)
		return 0;
	if (!r)
		r = target__is_in_spot_poll(t, &waiting);
	if (r <= 0)
		return r;
	thread->loop = thread->tstate;
	thread->kind = &py_loop_poll;
	thread->poll_fd = (int)waiting.args[0];
	if (py_frame_find(t, thread->tstate, runner_of(t, &stack), &thread->frame))
		thread->frame = 0;
	return 1;
}

int py_polls__fd(const struct target *t, uint64_t tstate)
{
	struct proc_thread waiting;
	const int r = read_epoll(t, tid_of(t, tstate), &waiting);

	return r < 0 ? r : (int)waiting.args[0];
}

bool py_polls__is_thread(const struct target *t, uint64_t addr)
{
	struct py_tstates walk = { .t = t };
	uint64_t tstate = 0;

	if (!addr || !py_target(t)->interp)
		return false;
	do
		tstate = py_tstates__next(&walk);
	while (tstate && tstate != addr);
	return tstate == addr;
}

int py_polls__runner(const struct target *t, uint64_t tstate, __u64 *ret_code)
{
	struct proc_thread waiting;
	struct target_stack stack;
	const int r = read_waiting(t, tstate, tid_of(t, tstate), &waiting, &stack);

	if (!r)
		*ret_code = runner_of(t, &stack);
	return r;
}
