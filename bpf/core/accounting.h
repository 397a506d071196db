/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel's account of a thread: time in user and in kernel mode, and page faults. Most kernels
 * book time by their tick, to the mode that the tick interrupts (CONFIG_HZ: 1 to 10 ms), so it
 * tells shares of a long span, not its CPU time. The account is read at samples alone: it costs a
 * step nothing.
 */
#ifndef LOOPSTALL_BPF_ACCOUNTING_H
#define LOOPSTALL_BPF_ACCOUNTING_H

#include <bpf/bpf_core_read.h>

#include "core/kernel.h"
#include "core/state.h"

/* What the current thread, whose span is touched, was booked since the span's first sample. */
LS_INLINE void accounting_read(struct thread_state *ts)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct account *account = &ts->cur.account;
	__u64 user_ns = BPF_CORE_READ(task, utime);
	__u64 kernel_ns = BPF_CORE_READ(task, stime);
	__u64 faults = BPF_CORE_READ(task, min_flt) + BPF_CORE_READ(task, maj_flt);

	if (!account->is_begun) {
		account->is_begun = 1;
		account->user_from_ns = user_ns;
		account->kernel_from_ns = kernel_ns;
		account->faults_from = faults;
	}
	account->user_ns = user_ns - account->user_from_ns;
	account->kernel_ns = kernel_ns - account->kernel_from_ns;
	account->faults = faults - account->faults_from;
}

LS_INLINE void accounting_clear(struct account *account)
{
	account->is_begun = 0;
	account->user_ns = 0;
	account->kernel_ns = 0;
	account->faults = 0;
}

/* At the end of a span that was sampled. */
LS_INLINE void accounting_settle(struct thread_state *ts)
{
	if (ts->cur.is_touched && ts->cur.account.is_begun)
		accounting_read(ts);
}

#endif
