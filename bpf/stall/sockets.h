/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Sockets that a stuck loop has not read (sockets.bpf.c).
 */
#ifndef LOOPSTALL_BPF_SOCKETS_H
#define LOOPSTALL_BPF_SOCKETS_H

#include "core/state.h"

/*
 * Counts them into ts->sockets.n, for the current thread. At most LS_MAX_SOCKETS are looked at.
 */
int sockets_count(struct thread_state *ts);

#endif
