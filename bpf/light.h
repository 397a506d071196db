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

/*
 * Looks at what the current thread, whose state this is, is doing. Returns when that began, if it is not what it did at the last look: then the
 * span is to be closed and the one of ts->look opened. Else 0.
 */
__u64 light_look(struct thread_state *ts, __u64 now_ns);

/* Ends the span that was opened by a look. */
int light_close(struct thread_state *ts, __u64 end_ns);

/* Opens the span of what the last look found. */
int light_open(struct thread_state *ts, __u64 start_ns);

/* Apart from each other, because the stack of all calls together is short. */
LS_INLINE void light_update(struct thread_state *ts, __u64 now_ns)
{
	__u64 at_ns = light_look(ts, now_ns);

	if (!at_ns)
		return;
	light_close(ts, at_ns);
	light_open(ts, at_ns);
}

/* Notes who waits behind the span that goes on; waiters.bpf.c says when that is worth its cost. */
int waiters_collect(struct thread_state *ts, __u64 now_ns);
/* Counts those who waited till the span's end, and leaves their sums in ts->scan; names them if it `is_told`. */
int waiters_send(struct thread_state *ts, __u64 end_ns, __u32 is_told);
/* From the thread's leaving to its return: how long is it blocked at this place? `place` is a hash. */
LS_INLINE void waiters_note_block(struct thread_state *ts, __u64 off_ns)
{
	struct known_block *block = &ts->waiters.blocks[ts->waiters.place & (KNOWN_BLOCKS - 1)];

	if (!ts->waiters.place)
		return;
	block->place = ts->waiters.place;
	block->us = off_ns >> 10;
	ts->waiters.place = 0;
}

/* Books the CPU time since the last sample to what the thread does now. */
int light_sample(struct thread_state *ts);

#endif
