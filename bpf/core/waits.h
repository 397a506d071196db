/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Adds the off-CPU time of finished spans to the turn, thread and coroutine totals. Most spans have
 * none, so this is not on the hot path.
 */
#ifndef LOOPSTALL_BPF_WAITS_H
#define LOOPSTALL_BPF_WAITS_H

#include "core/state.h"

/*
 * ls_hist_index() for what is counted seldom: it has so many ways that the verifier is to see them
 * once.
 */
__u32 hist_bucket(__u64 duration_ns);

/* Of the current span, its own without nested steps, to its turn and its thread. */
int turn_add_waits(struct thread_state *ts);

/* Of a step, to its coroutine. */
int step_count_waits(struct thread_state *ts, __u64 duration_ns);

#endif
