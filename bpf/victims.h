/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who waits, read from the loop's queues (stall.bpf.c).
 */
#ifndef LOOPSTALL_BPF_VICTIMS_H
#define LOOPSTALL_BPF_VICTIMS_H

#include "pytasks.h"
#include "state.h"

/* Finds those who wait at `end_ns`, which may lie ahead, and leaves their sums in ts->scan: reported by name, or with `is_collecting` noted in ts->waiters. */
int victims_report(struct thread_state *ts, __u64 end_ns, __u32 is_told);
/* Counts one victim of the current span, and reports it by name while there is room. */
int victim_add(struct thread_state *ts, __u64 task, __u64 starved_ns);

/* pytask_attribute() and pytask_resumed() with the layout in ts->scan.tasks. */
__u64 pytask_value(struct thread_state *ts, __u64 task, __u32 attribute);
__u64 pytask_of_frame(struct thread_state *ts, __u64 frame, __u64 coro);

/* What a task (of the kind that scan->is_python says) keeps: its coroutine or its name. */
LS_INLINE __u64 victim_attribute(struct thread_state *ts, __u64 task, __u32 in_python, __u32 in_c)
{
	return ts->scan.is_python ? pytask_value(ts, task, in_python) : read_ptr(task + in_c);
}

#endif
