/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Sockets that a stuck loop has not read (sockets.bpf.c).
 */
#ifndef LOOPSTALL_BPF_SOCKETS_H
#define LOOPSTALL_BPF_SOCKETS_H

#include "core/maps.h"

/*
 * Counts them into ts->sockets, for the thread that ts->sockets.task is of. At most LS_MAX_SOCKETS
 * are looked at.
 */
int sockets_look(struct thread_state *ts);

/* The verifier takes no pointer of the kernel as an argument of a global function. */
LS_INLINE void sockets_count(struct thread_state *ts, struct task_struct *task)
{
	ts->sockets.task = (__u64)task;
	sockets_look(ts);
}

#endif
