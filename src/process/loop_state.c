/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See loop_state.h.
 */
#include "process/loop_state.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "process/proc_thread.h"
#include "process/procfs.h"
#include "process/target.h"

/* Where cgroups of version 2 are mounted, alone or beside those of version 1. */
static const char *const cgroup_mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

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

	if (proc_thread__is_in_epoll(thread))
		return fd < 0 || thread->args[0] == (uint64_t)fd ? LOOP_STATE_POLLS :
								   LOOP_STATE_OUTSIDE;
	/* Without an epoll descriptor, the loop's own poll looks like any other. */
	if (proc_thread__is_in_poll(thread))
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

#define STACK_WORDS 64 /* that hold the return address: the C library's frame is small */
#define SPOT_BEHIND_BYTES 64 /* a spot may be some instructions behind the call */

static bool has_spot_behind(const struct target_module *m, enum ls_spot kind, uint64_t offset)
{
	for (size_t i = 0; i < m->n_spots; i++)
		if (m->spots[i].kind == kind && m->spots[i].file_offset >= offset &&
		    m->spots[i].file_offset - offset <= SPOT_BEHIND_BYTES)
			return true;
	return false;
}

/* The module in which a poll returns to this address; NULL if none does. */
static const struct target_module *polling_module(const struct target *t, const struct maps *maps,
						  enum ls_spot kind, uint64_t addr)
{
	for (size_t i = 0; i < maps->n; i++) {
		const struct map_entry *e = &maps->entries[i];

		if (!e->is_executable || addr < e->start || addr >= e->end)
			continue;
		for (size_t k = 0; k < t->n_modules; k++)
			if (t->modules[k].ino == e->ino && t->modules[k].dev == e->dev &&
			    has_spot_behind(&t->modules[k], kind, addr - e->start + e->offset))
				return &t->modules[k];
	}
	return NULL;
}

int target__spot_poll(const struct target *t, const struct proc_thread *thread,
		      const struct target_module **ret_module)
{
	_cleanup_(maps__freep) struct maps *maps = NULL;
	const enum ls_spot kind =
		proc_thread__is_in_epoll(thread) ? LS_SPOT_POLL_RETURN : LS_SPOT_PLAIN_POLL_RETURN;
	uint64_t words[STACK_WORDS];
	int r;

	*ret_module = NULL;
	if (!proc_thread__is_in_epoll(thread) && !proc_thread__is_in_poll(thread))
		return 0;
	r = target__read(t, thread->sp, words, sizeof(words));
	if (r >= 0)
		r = maps__read(&maps, t->pid);
	if (r < 0)
		return limits__is_lack(r) ? r : 0;
	for (size_t i = 0; !*ret_module && i < STACK_WORDS; i++)
		*ret_module = polling_module(t, maps, kind, words[i]);
	return 0;
}
