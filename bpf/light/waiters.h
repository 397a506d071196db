/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Tasks that wait behind a span of light mode. Its end is seen too late to read the loop's queues
 * then, so they are collected while it goes on. So are those that wait for a loop that was woken:
 * its timers tell since when only until it runs.
 */
#ifndef LOOPSTALL_BPF_WAITERS_H
#define LOOPSTALL_BPF_WAITERS_H

#include "core/maps.h"

/*
 * Collects them if that is worth its cost now: in light mode, and while a loop that was woken
 * cannot run (ts->is_late_wait).
 */
int waiters_collect(struct thread_state *ts, __u64 now_ns);

/* Collects them. */
int waiters_collect_late(struct thread_state *ts, __u64 now_ns);

/* Light mode: collects those that will be due soon, because the loop is being stopped. */
int waiters_collect_stopped(struct thread_state *ts, __u64 now_ns);

/* A span counts the sockets with unread data again when a wait of at least this ends. */
#define SOCKETS_AFTER_NS 1000000ULL

int waiters_look_sockets(struct thread_state *ts);

/* Counts them for the current span of the thread `task`, which `ts` belongs to. */
LS_INLINE void waiters_count_sockets(struct thread_state *ts, struct task_struct *task)
{
	ts->sockets.task = (__u64)task;
	waiters_look_sockets(ts);
}

/*
 * Reports those that waited until the span's end as its victims (ts->victims), by name if
 * `is_reported`.
 */
int waiters_send(struct thread_state *ts, __u64 end_ns, __u32 is_reported);

#endif
