/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources of the formats: proc(5), fs/proc/base.c (proc_pid_syscall). Reading `syscall` takes the
 * right to trace the thread, but does not stop it.
 */
#include "process/proc_thread.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "process/procfs.h"

#define CALL_WORDS 8 /* arguments, stack pointer, instruction pointer */

int proc_thread__parse_syscall(struct proc_thread *thread, const char *text)
{
	uint64_t w[CALL_WORDS];
	long nr;
	int n;

	if (!strncmp(text, "running", 7)) {
		thread->call = PROC_CALL_RUNNING;
		return 0;
	}
	n = sscanf(text,
		   "%ld %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64
		   " %" SCNx64 " %" SCNx64,
		   &nr, &w[0], &w[1], &w[2], &w[3], &w[4], &w[5], &w[6], &w[7]);
	if (n == 3 && nr < 0) {
		thread->call = PROC_CALL_NONE;
		thread->sp = w[0];
		thread->pc = w[1];
		return 0;
	}
	if (n != 1 + CALL_WORDS || nr < 0 || nr > UINT16_MAX)
		return -EBADMSG;
	thread->call = PROC_CALL_IN;
	thread->nr = (uint16_t)nr;
	memcpy(thread->args, w, sizeof(thread->args));
	thread->sp = w[6];
	thread->pc = w[7];
	return 0;
}

int proc_thread__read(struct proc_thread *ret_thread, pid_t pid, pid_t tid)
{
	_cleanup_free_ char *text = NULL, *call = NULL;
	char name[48];
	struct proc_stat stat;
	int r;

	*ret_thread = (struct proc_thread){ 0 };
	snprintf(name, sizeof(name), "task/%d/stat", tid);
	r = proc_read(pid, name, &text, NULL);
	if (r < 0 || proc_stat__parse(&stat, text))
		return limits__is_lack(r) ? r : -ESRCH;
	ret_thread->state = stat.state;
	snprintf(name, sizeof(name), "task/%d/syscall", tid);
	r = proc_read(pid, name, &call, NULL);
	if (r >= 0)
		proc_thread__parse_syscall(ret_thread, call);
	return limits__is_lack(r) ? r : 0;
}

bool proc_thread__is_same(const struct proc_thread *a, const struct proc_thread *b)
{
	return a->call == b->call && a->nr == b->nr && a->sp == b->sp && a->pc == b->pc &&
		!memcmp(a->args, b->args, sizeof(a->args));
}

bool proc_thread__is_in_epoll(const struct proc_thread *thread)
{
	static const long calls[] = {
#ifdef SYS_epoll_wait
		SYS_epoll_wait,
#endif
		SYS_epoll_pwait,
#ifdef SYS_epoll_pwait2
		SYS_epoll_pwait2,
#endif
	};

	for (size_t i = 0; thread->call == PROC_CALL_IN && i < N_OF(calls); i++)
		if (thread->nr == calls[i])
			return true;
	return false;
}

bool proc_thread__is_in_poll(const struct proc_thread *thread)
{
	static const struct {
		long nr;
		size_t count; /* argument: how many descriptors; without any it is a sleep */
	} calls[] = {
#ifdef SYS_poll
		{ SYS_poll, 1 },
#endif
#ifdef SYS_select
		{ SYS_select, 0 },
#endif
		{ SYS_ppoll, 1 },
		{ SYS_pselect6, 0 },
	};

	for (size_t i = 0; thread->call == PROC_CALL_IN && i < N_OF(calls); i++)
		if (thread->nr == calls[i].nr)
			return thread->args[calls[i].count] != 0;
	return false;
}

bool proc_thread__is_in_poll_of_one(const struct proc_thread *thread)
{
	bool is_poll = thread->nr == SYS_ppoll;

#ifdef SYS_poll
	is_poll |= thread->nr == SYS_poll;
#endif
	return thread->call == PROC_CALL_IN && is_poll && thread->args[1] == 1;
}
