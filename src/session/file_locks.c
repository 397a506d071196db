/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the process runs that took the lock of a file for which a stall waits. Nobody knows which of
 * its threads took it, so only a process with one thread is read; it must be watched. The stack
 * counts only if the stall went on waiting after it was read.
 */
#include "session/parts.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "process/target.h"

/* linux fs/proc/base.c, proc_task_getattr(): two more than threads */
#define LINKS_OF_ONE_THREAD 3

static bool has_one_thread(pid_t pid)
{
	struct stat st;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	return !stat(path, &st) && st.st_nlink == LINKS_OF_ONE_THREAD;
}

static int read_stack(const struct session *s, pid_t pid, struct target_stack *ret_stack)
{
	const struct watch *w = watches__find(&s->watches, pid);
	struct target_thread thread;
	struct target_threads list = { .threads = &thread, .max = 1 };
	int r;

	if (!w || !w->target || !has_one_thread(pid))
		return -ENOENT;
	r = target__threads(w->target, &list);
	if (!r && (list.n != 1 || list.has_more))
		r = -ENOENT;
	if (!r)
		r = target__thread_stack(w->target, thread.tstate, ret_stack);
	return !r && (ret_stack->is_torn || !ret_stack->n_frames) ? -EAGAIN : r;
}

static bool is_about(const struct lock_look *look, const struct ls_rec_stall *stall)
{
	return look->pid == stall->hdr.tgid && look->tid == stall->hdr.tid &&
		look->start_ns == stall->start_ns && look->holder == stall->lock_holder_id;
}

/* One that another process took. */
static bool waits_for_process(const struct ls_rec_stall *stall)
{
	return stall->cause_ns[LS_CAUSE_LOCK] && stall->lock_known == LS_LOCK_PROCESS &&
		stall->lock_holder_id != stall->hdr.tgid;
}

void session__look_at_lock(struct session *s, const struct ls_rec_stall *stall)
{
	struct lock_looks *looks = &s->open.locks;
	struct lock_look *look = &looks->list[looks->next % MAX_LOCK_LOOKS];
	struct target_stack stack = { 0 };

	if (!waits_for_process(stall))
		return;
	for (size_t i = 0; i < MAX_LOCK_LOOKS; i++)
		if (is_about(&looks->list[i], stall))
			return;
	if (read_stack(s, (pid_t)stall->lock_holder_id, &stack))
		return;
	looks->next++;
	*look = (struct lock_look){
		.pid = stall->hdr.tgid,
		.tid = stall->hdr.tid,
		.start_ns = stall->start_ns,
		.holder = stall->lock_holder_id,
		.waited_ns = stall->cause_ns[LS_CAUSE_LOCK] + session__now_ns(s) - stall->hdr.ts_ns,
	};
	for (size_t k = 0; k < stack.n_frames && k < LS_MAX_FRAMES; k++) {
		if (stack.n_left_out && k == stack.n_inner)
			break;
		look->frames[look->n_frames++] = stack.frames[k].at;
	}
}

const struct lock_look *session__lock_look(const struct session *s,
					   const struct ls_rec_stall *stall)
{
	const struct lock_looks *looks = &s->open.locks;

	for (size_t i = 0; waits_for_process(stall) && i < MAX_LOCK_LOOKS; i++)
		if (is_about(&looks->list[i], stall) &&
		    stall->cause_ns[LS_CAUSE_LOCK] >= looks->list[i].waited_ns)
			return &looks->list[i];
	return NULL;
}

int session__send_lock_look(struct session *s, const struct ls_rec_stall *stall, event_fn fn)
{
	const bool goes_on = stall->end == LS_END_OPEN || stall->end == LS_END_RUNNING;
	const struct lock_look *look = session__lock_look(s, stall);
	struct ls_rec_stack rec = {
		.hdr = stall->hdr,
		.span = stall->span,
		.weight_ns = stall->cause_ns[LS_CAUSE_LOCK],
		.count = 1,
		.cause = LS_CAUSE_LOCK,
		.syscall = LS_NO_SYSCALL,
		.flags = LS_STACK_HOLDER | (goes_on ? LS_STACK_SO_FAR : 0),
	};
	const struct event event = { .kind = LS_REC_STACK, .stack = &rec };

	if (!look)
		return 0;
	rec.hdr.kind = LS_REC_STACK;
	rec.n_frames = (__u16)look->n_frames;
	rec.hdr.len = (__u16)(offsetof(struct ls_rec_stack, frames) +
			      look->n_frames * sizeof(rec.frames[0]));
	memcpy(rec.frames, look->frames, look->n_frames * sizeof(rec.frames[0]));
	return fn(s, &event);
}
