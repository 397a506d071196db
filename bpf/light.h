/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Steps without uprobes. Whenever a loop thread leaves the CPU, and at each sample, one look into the process tells which task
 * it runs and how many handles its loop has begun so far: as long as neither changes it is the same step. So where a span begins and
 * ends is known to be between two looks, which are a sampling period of CPU time apart at most.
 */
#ifndef LOOPSTALL_BPF_LIGHT_H
#define LOOPSTALL_BPF_LIGHT_H

#include "maps.h"

/* Is this thread watched by looks? Its open span may still be one of the other kind: see `cur.is_light`. */
LS_INLINE int is_light(const struct thread_state *ts)
{
	return settings.is_light || ts->proc.is_light;
}

/* Looks at what the current thread, whose state this is, is doing. */
LS_SUBPROG int light_look(struct thread_state *ts, __u64 now_ns);

/* Ends the span that was opened by a look. */
LS_SUBPROG int light_close(struct thread_state *ts, __u64 end_ns);

/* Books the CPU time since the last sample to what the thread does now. */
LS_SUBPROG int light_sample(struct thread_state *ts);

#endif
