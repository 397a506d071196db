/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What is kept of a thread that held what a loop thread waited for. src/probe/open_spans.c reads
 * it, too.
 */
#ifndef LOOPSTALL_BPF_LOCK_HOLDER_H
#define LOOPSTALL_BPF_LOCK_HOLDER_H

#include <loopstall/abi.h>

/*
 * A thread that held the GIL or another lock, which rec.cause says, while this one waited for it.
 * Valid while `rec.span` is the number of an open span; rec.weight_ns is the time waited for it. Of
 * all that it ran meanwhile one stack is kept: of a lock by time (lock_watch.h), of the GIL by a
 * majority vote of the looks over the innermost function. Without `id` it stands for the waits for
 * locks of which no holder is known.
 */
struct lock_holder {
	__u64 tstate, id;
	__u64 collecting_ns; /* of the time waited for it: its collector ran */
	/* of a lock: for how long the thread was seen there, or had been waited for */
	__u64 stack_ns;
	__u32 votes;
	__u32 pad;
	struct ls_rec_stack rec;
};

/* As its stack says it: see LS_STACK_HOLDER. */
static inline __attribute__((always_inline)) __u16 holder_cause(const struct lock_holder *holder)
{
	return holder->collecting_ns > holder->rec.weight_ns / 2 ? LS_CAUSE_GC : holder->rec.cause;
}

#endif
