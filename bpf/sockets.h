/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Sockets a stuck loop has not looked at (sockets.bpf.c).
 */
#ifndef LOOPSTALL_BPF_SOCKETS_H
#define LOOPSTALL_BPF_SOCKETS_H

#include "state.h"

/* Counts them into ts->scan.sockets, for the current thread. At most LS_MAX_SOCKETS are looked at. */
int sockets_count(struct thread_state *ts);

#endif
