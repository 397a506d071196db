/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * CPU time of the garbage collector inside a span, from looks whether it runs: between two looks
 * that find it running it ran all the time, between two that differ for half of it.
 */
#ifndef LOOPSTALL_BPF_COLLECTION_H
#define LOOPSTALL_BPF_COLLECTION_H

#include "core/port.h"
#include "core/state.h"

/* A look at the current span. `generation`: that is collected, plus 1; 0: not known. */
int collection_look(struct thread_state *ts, __u64 now_ns, __u32 is_collecting, __u32 generation);

/* The span ends: books the time since the last look, and at most the CPU time of the span. */
int collection_end(struct thread_state *ts, __u64 end_ns);

LS_INLINE void collection_settle(struct thread_state *ts, __u64 end_ns)
{
	if (ts->cur.is_touched && (ts->cur.is_collecting || ts->cur.cause_ns[LS_CAUSE_GC]))
		collection_end(ts, end_ns);
}

#endif
