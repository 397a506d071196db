// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Who has the lock of a file that a thread is about to wait for: flock, fcntl. The kernel keeps the
 * process that took a lock, and which lock a request waits for. It reports each try for a lock in
 * the thread that makes it, before that thread sleeps. Source: linux fs/locks.c.
 */
#include "core/maps.h"
#include "core/meter.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define DEFERRED 1 /* result of a try that has to wait (FILE_LOCK_DEFERRED) */
#define MAX_WAITING 16 /* requests that wait one behind the other for one lock */

/* What a request waits for, NULL: nothing. */
static __always_inline struct file_lock *blocker_of(struct file_lock *request)
{
	char *core;

	if (!bpf_core_field_exists(request->c))
		return (struct file_lock *)BPF_CORE_READ((struct file_lock___whole *)request,
							 fl_blocker);
	core = (char *)BPF_CORE_READ(request, c.flc_blocker);
	return core ? (struct file_lock *)(core - bpf_core_field_offset(struct file_lock, c)) :
		      NULL;
}

static __always_inline int taker_of(struct file_lock *lock)
{
	if (!bpf_core_field_exists(lock->c))
		return BPF_CORE_READ((struct file_lock___whole *)lock, fl_pid);
	return BPF_CORE_READ(lock, c.flc_pid);
}

/* The process that took the lock behind which this request waits; 0: not known. */
static __always_inline __u32 lock_taker(struct file_lock *request)
{
	struct file_lock *lock = blocker_of(request), *next;
	__u32 i;
	int pid;

	for (i = 0; i < MAX_WAITING && lock; i++) {
		next = blocker_of(lock);
		if (!next) {
			pid = taker_of(lock);
			return pid > 0 ? pid : 0;
		}
		lock = next;
	}
	return 0;
}

/* The tracepoints flock_lock_inode and posix_lock_inode, which have the same arguments. */
SEC("raw_tp")
int BPF_PROG(on_file_lock, struct inode *inode, struct file_lock *request, int result)
{
	METER(FILE_LOCK);
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread_state *ts = thread_of(task);
	__s64 nr;

	(void)inode;
	if (!ts)
		return 0;
	nr = syscall_number((const struct pt_regs *)bpf_task_pt_regs(task));
	ts->file_lock_syscall = nr < 0 ? LS_NO_SYSCALL : nr;
	ts->file_lock_pid = result == DEFERRED ? lock_taker(request) : 0;
	return 0;
}
