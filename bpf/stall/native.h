/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Copies of user stacks, from which user space finds the native frames inside the innermost Python
 * frame. A copy takes some microseconds, so it is made only of spans that are halfway to a stall,
 * and of blocks that may become one, and both have a rate limit.
 */
#ifndef LOOPSTALL_BPF_NATIVE_H
#define LOOPSTALL_BPF_NATIVE_H

#include "core/block_memory.h"
#include "core/span.h"
#include "core/state.h"

/* Sends registers and stack of the current thread, for the place that `stack` describes. */
int native_copy(struct thread_state *ts, const struct ls_rec_stack *stack, __u64 now_ns);

LS_INLINE __u64 native_after_ns(const struct thread_state *ts)
{
	return (is_light(ts) ? settings.light_threshold_ns : settings.threshold_ns) / 2;
}

/* A sample was taken at this age of the span: a copy at the first one, and each time it doubles. */
LS_INLINE void native_sample(struct thread_state *ts, const struct ls_rec_stack *stack,
			     __u64 elapsed_ns, __u64 now_ns)
{
	if (settings.copy_price_ns == LS_NO_COPIES || elapsed_ns < native_after_ns(ts) ||
	    elapsed_ns / 2 < ts->cur.copied_ns)
		return;
	ts->cur.copied_ns = elapsed_ns;
	native_copy(ts, stack, now_ns);
}

/* The GIL and a stop are waited for in code that says nothing. */
LS_INLINE int native_is_wanted(const struct ls_rec_stack *stack)
{
	return settings.copy_price_ns != LS_NO_COPIES && stack->cause != LS_CAUSE_GIL &&
		stack->cause != LS_CAUSE_STOPPED;
}

/*
 * The thread blocks at a place that is new in this span, after block_begin(). How long the block
 * will last is not known. If the last one there was short, the stack is copied only if no other
 * copy was made just now. Returns whether it was.
 */
LS_INLINE int native_block(struct thread_state *ts, const struct ls_rec_stack *stack, __u64 now_ns)
{
	const struct known_block *block = block_slot(ts);

	if (!native_is_wanted(stack) ||
	    (block->place == ts->block_memory.place &&
	     now_ns - ts->cur.start_ns + block_ns(block) < native_after_ns(ts) &&
	     budgets.copies_ns > now_ns))
		return 0;
	native_copy(ts, stack, now_ns);
	return 1;
}

/* It blocks there once more, in a span that is halfway to a stall. */
LS_INLINE int native_block_again(struct thread_state *ts, const struct ls_rec_stack *stack,
				 __u64 now_ns)
{
	if (!native_is_wanted(stack) || now_ns - ts->cur.start_ns < native_after_ns(ts))
		return 0;
	native_copy(ts, stack, now_ns);
	return 1;
}

#endif
