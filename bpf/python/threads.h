/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The interpreter's list of thread states, the newest first (threads.bpf.c).
 */
#ifndef LOOPSTALL_BPF_THREADS_H
#define LOOPSTALL_BPF_THREADS_H

#include "core/state.h"

/* By what a thread state is searched: pthread_t, thread pointer or native id. */
enum thread_key { KEY_PTHREAD, KEY_POINTER, KEY_NATIVE };

/* The state of the thread with this key of a `kind` (enum thread_key); 0: it has none. */
__u64 thread_find(struct thread_state *ts, __u64 key, __u32 kind);

#endif
