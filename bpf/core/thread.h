/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Creates the state of a thread at its first step. Of a thread that user space finds first:
 * sched/found.bpf.c.
 */
#ifndef LOOPSTALL_BPF_THREAD_H
#define LOOPSTALL_BPF_THREAD_H

#include "core/maps.h"

/*
 * Stacks are created in process context only: with a run queue locked, as in sched_switch, the
 * allocator could wake a kernel thread and deadlock. Tried again at later steps if it fails.
 */
static __always_inline void thread_create_stacks(struct thread_state *ts, struct task_struct *task)
{
	ts->has_stacks =
		bpf_task_storage_get(&stacks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE) &&
		bpf_task_storage_get(&holders, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline __attribute__((unused)) __u64 current_thread_key(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return thread_key(&task->thread, &task->thread_pid);
}

/* Creates the state of the current thread; NULL if its process is not watched. */
static __noinline __attribute__((unused)) struct thread_state *thread_new(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tgid = id >> 32;
	struct thread_state *ts;
	struct ls_proc *proc;

	proc = bpf_map_lookup_elem(&procs, &tgid);
	if (!proc)
		return NULL;
	ts = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	/* It may have been found at this moment. */
	if (!ts)
		ts = thread_of(task);
	if (!ts) {
		count_loss(LS_LOSS_THREAD_STORAGE);
		return NULL;
	}
	ts->proc = *proc;
	ts->tgid = tgid;
	ts->tid = (__u32)id;
	ts->epoll_fd = -1;
	ts->stats.since_ns = bpf_ktime_get_ns();
	thread_create_stacks(ts, task);
	return ts;
}

#endif
