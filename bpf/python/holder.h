/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who holds the GIL that a thread is about to wait for, and what it runs (holder.bpf.c).
 */
#ifndef LOOPSTALL_BPF_HOLDER_H
#define LOOPSTALL_BPF_HOLDER_H

#include "core/state.h"

/* Sets gil_tstate, gil_id and gil_slot of the current thread, which is about to be switched out. */
int holder_look(struct thread_state *ts, __u64 now_ns);

#endif
