/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Tasks that wait behind a span of light mode. Its end is seen too late to read the loop's queues
 * then, so they are collected while it goes on.
 */
#ifndef LOOPSTALL_BPF_WAITERS_H
#define LOOPSTALL_BPF_WAITERS_H

#include "core/state.h"

/* Collects them if that is worth its cost now. */
int waiters_collect(struct thread_state *ts, __u64 now_ns);

/*
 * Reports those that waited until the span's end as its victims (ts->victims), by name if
 * `is_reported`.
 */
int waiters_send(struct thread_state *ts, __u64 end_ns, __u32 is_reported);

#endif
