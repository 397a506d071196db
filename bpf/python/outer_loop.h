/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A loop inside a loop: a callback or step may run another loop to its end. What that one does is
 * then no turn of the outer loop, which is still on the thread's stack.
 */
#ifndef LOOPSTALL_BPF_OUTER_LOOP_H
#define LOOPSTALL_BPF_OUTER_LOOP_H

#include "core/state.h"

/*
 * The thread's loop waits: remembers by what it is known to be on the stack. That is the frame that
 * calls the poll, with the loop as its first local. A native loop has no frames, but a field that
 * is set while it runs. `key`: thread_key() of the thread.
 */
int loop_mark_learn(struct thread_state *ts, __u32 is_native, __u64 key, __u64 now_ns);

/* What the innermost code of the thread is known to be. */
enum inner_sign {
	INNER_POLL, /* a poll of some loop */
	INNER_OTHER, /* of another loop than the marked one */
	INNER_PYTHON_STEP, /* a step of a task written in Python, of some loop */
};

/*
 * Does the thread run another loop inside the marked one? Reads the current thread's stack. 0 also
 * if that is not known.
 */
int loop_is_outer(struct thread_state *ts, __u32 sign);

/* The same where a poll has returned at this stack pointer, which differs in another loop. */
LS_INLINE int poll_is_inner(struct thread_state *ts, __u64 sp)
{
	if (ts->idle_at_ns)
		ts->mark.poll_sp = sp;
	if (sp == ts->mark.poll_sp || ts->cur.unit != LS_UNIT_CALLBACK)
		return 0;
	return loop_is_outer(ts, INNER_POLL);
}

#endif
