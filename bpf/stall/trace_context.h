/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which trace context the program had attached to the thread while a span lasted: a program may
 * attach several in one step, so it is read wherever the span is looked at, at its blocks, at its
 * samples, and at the end of a step. Each stands for the time that its stack stands for: a block
 * for the time off the CPU, a sample for the time on it since the last one. The thread stands still
 * at all of them, as OTEP 4947 asks of a reader.
 */
#ifndef LOOPSTALL_BPF_TRACE_CONTEXT_H
#define LOOPSTALL_BPF_TRACE_CONTEXT_H

#include "core/maps.h"
#include "core/state.h"

/* Reads that of the current thread, for its current span. */
int trace_look(struct thread_state *ts, __u64 now_ns);

/* Where no process publishes any, this is all that it costs. */
LS_INLINE void trace_remember(struct thread_state *ts, __u64 now_ns)
{
	if (settings.reads_traces)
		trace_look(ts, now_ns);
}

/*
 * Sets the one of the record, of a span that ends, which has all but this. `stacks` may be NULL.
 */
int trace_describe(struct thread_state *ts, struct thread_stacks *stacks, struct ls_rec_stall *rec);

#endif
