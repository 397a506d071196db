/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who holds the lock that a thread waits for in a futex call (lock.bpf.c).
 */
#ifndef LOOPSTALL_BPF_LOCK_H
#define LOOPSTALL_BPF_LOCK_H

#include "core/state.h"

/*
 * The current thread is about to be switched out. Sets lock_known, and what is known of the lock
 * and its holder. The caller notes the holder: one more function in between, and the stacks of all
 * would be larger than Linux 6.1 allows.
 */
int lock_look(struct thread_state *ts, const struct futex_wait *wait);
/*
 * The current thread, with this thread_key(), wakes the thread of `ts`: it has just released the
 * lock that the other one waits for.
 */
int lock_release_look(struct thread_state *ts, struct thread_holders *holders, __u64 waker_key,
		      __u64 now_ns);

#endif
