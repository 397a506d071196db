/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The end of a loop for good: its thread runs no Python code any more, only the interpreter's
 * shutdown, which takes its time. No probe shows it, so the last callback would go on until the
 * thread ends.
 */
#ifndef LOOPSTALL_BPF_LOOP_END_H
#define LOOPSTALL_BPF_LOOP_END_H

#include "core/span.h"
#include "light/light.h"
#include "python/frames.h"
#include "stall/stall.h"

/* Does a callback span of this thread go on although its loop has ended? */
LS_INLINE int loop_has_ended(struct thread_state *ts)
{
	struct ls_loop *loop;

	/* A bare loop has signs of its own: gevent's hub runs without any frame now and then. */
	if (ts->bare.codes[0] || ts->cur.unit != LS_UNIT_CALLBACK || ts->cur.coro ||
	    !python_is_left(ts))
		return 0;
	/* A native loop has no frames; a program in C may run one. */
	loop = loop_of(ts);
	return loop && ((!loop->py.is_native && !loop->py.runner) || ts->loop_frame);
}

/*
 * Where between the last look that saw Python code and this one the loop ended is not known: they
 * are a sampling period of CPU time apart.
 */
LS_INLINE void loop_end(struct thread_state *ts, __u64 now_ns)
{
	stall_cut_off(ts, now_ns, LS_END_EXIT, 0);
	if (is_light(ts))
		light_book(ts, now_ns);
	ts->cur.unit = LS_UNIT_NONE;
	ts->left_at_ns = now_ns;
}

#endif
