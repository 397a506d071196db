/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a turn consisted of.
 */
#ifndef LOOPSTALL_BPF_TURN_PARTS_H
#define LOOPSTALL_BPF_TURN_PARTS_H

#include "core/state.h"

/* Sends it, before the record of the turn's stall. */
int turn_send_parts(struct thread_state *ts, __u64 now_ns);

#endif
