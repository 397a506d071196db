/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Tasks counted one by one (task_table.bpf.c).
 */
#ifndef LOOPSTALL_BPF_TASK_TABLE_H
#define LOOPSTALL_BPF_TASK_TABLE_H

#include "core/port.h"
#include "core/state.h"

/* Counts the current step, which ends now, for its task. */
LS_SUBPROG int task_count(struct thread_state *ts, __u64 duration_ns, __u64 now_ns, __u32 is_stall);

#endif
