/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who holds the GIL or the lock that a thread is about to wait for, and what it runs
 * (holder.bpf.c).
 */
#ifndef LOOPSTALL_BPF_HOLDER_H
#define LOOPSTALL_BPF_HOLDER_H

#include "core/state.h"

/*
 * Of the GIL: sets holder_tstate, holder_id and holder_slot of the current thread, which is about
 * to be switched out.
 */
int holder_look(struct thread_state *ts, __u64 now_ns);
/*
 * Sets holder_slot of a thread whose holder_tstate and holder_id are set, and reads the stack of
 * that holder. `holders` is the waiting thread's; the current thread has the same memory.
 */
int holder_note(struct thread_state *ts, struct thread_holders *holders, __u32 cause, __u64 now_ns);
/* What identifies the thread besides its state: its native id, up to 3.10 its pthread_t. */
__u64 thread_id(struct thread_state *ts, __u64 tstate);

#endif
