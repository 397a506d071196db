/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What is remembered of a thread that is off the CPU: why it left, and of its loop's own wait.
 */
#ifndef LOOPSTALL_BPF_OFF_STATE_H
#define LOOPSTALL_BPF_OFF_STATE_H

#include <loopstall/abi.h>

/* A wait in a futex call. */
struct futex_wait {
	__u64 addr;
	__u32 op, value;
};

/* Why a thread leaves the CPU (sched/blocking.h). */
struct blocking {
	__u32 cause; /* enum ls_cause */
	__u32 syscall; /* or LS_NO_SYSCALL */
	__s32 epoll_fd; /* descriptor of an epoll wait, else -1 */
	/* it waits for descriptors: epoll, poll or select. Without any they are a sleep */
	__u8 is_wait;
	__u8 is_futex; /* it waits for a futex, which is not the GIL's */
	__u8 stop; /* enum ls_stop */
	__u8 pad;
	__u32 stop_id; /* the signal's number or the tracer's process */
	__s32 timeout_ms; /* of an epoll wait; negative: none, or not known */
	__u64 native_ip; /* where it entered the kernel */
	struct futex_wait futex; /* valid if is_futex */
};

enum off_kind {
	OFF_NONE,
	OFF_IDLE,
	OFF_NESTED /* the wait of a loop that runs inside a step */,
	OFF_BLOCKED
};

/*
 * The loop's own wait: when something is due, and the stops of the thread meanwhile. What became
 * ready while the thread was stopped did so at a time that is not known.
 */
struct idle_wait {
	__u64 due_ns; /* when it times out; 0: it does not, or that is not known */
	__u64 stopped_at_ns; /* 0: the thread is not stopped */
	__u64 from_ns; /* since when the loop could have run, but for a stop; 0: there was none */
	__u64 stopped_ns, ready_ns; /* from then on: stopped, and waiting for a CPU */
	__u32 stop, stop_id; /* as in struct blocking */
};

#endif
