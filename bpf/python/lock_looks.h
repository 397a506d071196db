/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Looks at the thread that holds a lock, while a loop thread waits for it (lock_looks.bpf.c).
 */
#ifndef LOOPSTALL_BPF_LOCK_LOOKS_H
#define LOOPSTALL_BPF_LOCK_LOOKS_H

#include "core/state.h"

/*
 * The current thread is about to wait for a lock that the thread of holder_tstate has. Sets
 * lock_watch, 0 if too many threads are watched.
 */
int lock_watch_begin(struct thread_state *ts, __u64 now_ns);
/*
 * A thread is switched out, which is the current one, and another one in, each known by its process
 * and its thread_key(). Is one switched in that is watched?
 */
int lock_watch_switch(__u32 out_tgid, __u64 out_key, __u32 in_tgid, __u64 in_key, __u64 now_ns);
/* The sampler interrupts this thread, the current one. */
int lock_watch_sample(__u32 tgid, __u64 key, __u64 now_ns);
/* The watched thread releases the lock that the thread of `ts` waits for. */
int lock_watch_release(struct thread_state *ts, __u64 now_ns);

#endif
