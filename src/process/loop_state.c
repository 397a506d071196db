/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See loop_state.h.
 */
#include "process/loop_state.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "process/proc_thread.h"
#include "process/target.h"

/* Where cgroups of version 2 are mounted, alone or beside those of version 1. */
static const char *const cgroup_mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

/* Their first argument is the epoll descriptor. */
static const long epoll_calls[] = {
#ifdef SYS_epoll_wait
	SYS_epoll_wait,
#endif
	SYS_epoll_pwait,
#ifdef SYS_epoll_pwait2
	SYS_epoll_pwait2,
#endif
};

static const long other_polls[] = {
#ifdef SYS_poll
	SYS_poll,
#endif
#ifdef SYS_select
	SYS_select,
#endif
	SYS_ppoll,
	SYS_pselect6,
};

static bool has(const long *calls, size_t n, long nr)
{
	for (size_t i = 0; i < n; i++)
		if (calls[i] == nr)
			return true;
	return false;
}

static bool is_group_frozen(const char *mount, const char *cgroup)
{
	_cleanup_(file_close) FILE *f = NULL;
	char path[512], line[64];

	snprintf(path, sizeof(path), "%s%s/cgroup.events", mount, cgroup);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strcmp(line, "frozen 1\n"))
			return true;
	return false;
}

static bool is_frozen(const struct target *t)
{
	for (size_t i = 0; t->cgroup && i < N_OF(cgroup_mounts); i++)
		if (is_group_frozen(cgroup_mounts[i], t->cgroup))
			return true;
	return false;
}

/* A poll of another descriptor is a callback's. */
static enum loop_state state_in_call(const struct target *t, const struct proc_thread *thread,
				     uint64_t loop)
{
	const int fd = loop ? target__poll_fd(t, loop) : -1;

	if (has(epoll_calls, N_OF(epoll_calls), thread->nr))
		return fd < 0 || thread->args[0] == (uint64_t)fd ? LOOP_STATE_POLLS :
								   LOOP_STATE_OUTSIDE;
	/* Without an epoll descriptor, the loop's own poll looks like any other. */
	if (has(other_polls, N_OF(other_polls), thread->nr))
		return fd < 0 ? LOOP_STATE_POLLS : LOOP_STATE_OUTSIDE;
	return LOOP_STATE_OUTSIDE;
}

enum loop_state target__loop_state(const struct target *t, pid_t tid, uint64_t loop)
{
	struct proc_thread thread;

	if (proc_thread__read(&thread, t->pid, tid) < 0)
		return LOOP_STATE_UNKNOWN;
	if (thread.state == 'T')
		return LOOP_STATE_STOPPED;
	if (thread.state == 't')
		return LOOP_STATE_TRACED;
	if (is_frozen(t))
		return LOOP_STATE_FROZEN;
	switch (thread.call) {
	case PROC_CALL_IN:
		return state_in_call(t, &thread, loop);
	case PROC_CALL_RUNNING:
	case PROC_CALL_NONE:
		return LOOP_STATE_OUTSIDE;
	case PROC_CALL_UNKNOWN:
		break;
	}
	return LOOP_STATE_UNKNOWN;
}
