/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * trio's queues: a deque of tasks, the batch taken out of it, the heap of deadlines.
 */
#ifndef LOOPSTALL_BPF_TRIO_H
#define LOOPSTALL_BPF_TRIO_H

#include "core/state.h"

int trio_visit_ready(struct thread_state *ts, __u64 ready);

/* Tasks that are in no queue: taken out of it, or asleep. */
int trio_visit_others(struct thread_state *ts);

#endif
