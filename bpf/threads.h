/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A thread gets its state: from its first step on, or when user space finds it where no step can be seen.
 */
#ifndef LOOPSTALL_BPF_THREADS_H
#define LOOPSTALL_BPF_THREADS_H

#include "maps.h"

/* The state of a thread, made; NULL if its process is not watched. */
static __always_inline struct thread_state *thread_make(struct task_struct *task, __u32 tgid, __u32 tid)
{
	struct thread_state *ts;
	struct ls_proc *proc;

	proc = bpf_map_lookup_elem(&procs, &tgid);
	if (!proc)
		return NULL;
	ts = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!ts) {
		count_loss(LS_LOSS_THREAD_STORAGE);
		return NULL;
	}
	ts->proc = *proc;
	ts->tgid = tgid;
	ts->tid = tid;
	ts->epoll_fd = -1;
	return ts;
}

/* The same of the current thread. */
static __noinline __attribute__((unused)) struct thread_state *thread_new(void)
{
	__u64 id = bpf_get_current_pid_tgid();

	return thread_make(bpf_get_current_task_btf(), id >> 32, (__u32)id);
}

#endif
