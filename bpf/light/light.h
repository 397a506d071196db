/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Light mode: steps without uprobes. Whenever a loop thread leaves the CPU, and at each sample, one
 * look into the process finds its current task and the number of handles that its loop has begun.
 * While neither changes, it is the same step. So the start and end of a span are known to lie
 * between two looks, which are at most one sampling period of CPU time apart.
 */
#ifndef LOOPSTALL_BPF_LIGHT_H
#define LOOPSTALL_BPF_LIGHT_H

#include "core/maps.h"
#include "core/span.h"

/*
 * Looks at the current thread, which `ts` belongs to. If it does something else than at the last
 * look, returns when that began: the caller closes the span and opens the one of ts->look. Else 0.
 */
__u64 light_look(struct thread_state *ts, __u64 now_ns);

/* Closes the span that a look opened. */
int light_close(struct thread_state *ts, __u64 end_ns);

/* Opens the span that the last look found. */
int light_open(struct thread_state *ts, __u64 start_ns);

/* Not nested in each other, because the stack of all calls together is limited to 512 bytes. */
LS_INLINE void light_update(struct thread_state *ts, __u64 now_ns)
{
	__u64 at_ns = light_look(ts, now_ns);

	if (!at_ns)
		return;
	light_close(ts, at_ns);
	light_open(ts, at_ns);
}

/*
 * Are looks what is known of this thread? Also for a while behind a change to exact mode: its
 * probes have not seen the beginning of the step or callback that runs then.
 */
LS_INLINE int light_looks(const struct thread_state *ts)
{
	return is_light(ts) || ts->cur.is_light ||
		(ts->cur.unit == LS_UNIT_NONE && ts->look.at_ns && !ts->turn_start_ns &&
		 !ts->idle_at_ns);
}

/* Counts a sample for what the thread does now. */
int light_sample(struct thread_state *ts);

/* Adds the current thread's time on the CPU in light mode since the last call. */
int light_book(struct thread_state *ts, __u64 now_ns);

#endif
