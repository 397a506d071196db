/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The Python frame walk: from the thread state to the frame of the task's own coroutine. Pure functions over
 * read_user(); the layouts come from struct ls_pyoffsets. Offsets are masked, so a wrong table reads
 * nonsense but never outside the buffer.
 */
#ifndef LOOPSTALL_BPF_FRAMES_H
#define LOOPSTALL_BPF_FRAMES_H

#include "port.h"
#include "state.h"

#define FRAME_MASK 0x7f
#define FRAME_WORD_MASK 0x78

LS_INLINE __u64 frame_word(const struct thread_state *ts, __u32 offset)
{
	return *(const __u64 *)(ts->frame + (offset & FRAME_WORD_MASK));
}

/* Reads the frame at `addr` into ts->frame. */
LS_INLINE long frame_read(struct thread_state *ts, __u64 addr)
{
	__u32 size = ts->proc.py.frame_bytes & FRAME_MASK;

	barrier_var(size);
	return read_user(ts->frame, size & FRAME_MASK, addr);
}

/* Innermost frame of the thread, 0 if it runs no Python or could not be read. */
LS_INLINE __u64 frame_top(const struct thread_state *ts)
{
	__u64 p;

	if (!ts->tstate)
		return 0;
	p = read_ptr(ts->tstate + ts->proc.py.tstate_frame);
	if (p && ts->proc.py.cframe_current != LS_PY_NONE)
		p = read_ptr(p + ts->proc.py.cframe_current);
	return p;
}

/* There is no innermost frame. Behind the end of its loop a thread may well run no Python; inside a step it always does. */
LS_INLINE void frame_count_missing(const struct thread_state *ts)
{
	if (ts->cur.unit == LS_UNIT_STEP)
		count_loss(LS_LOSS_STACK_NO_THREAD);
}

/* Where the walk may stop: the frame of the step's coroutine, or for callbacks that of a native loop. 0: at the end. */
LS_INLINE __u64 frame_last(const struct thread_state *ts)
{
	if (ts->cur.unit != LS_UNIT_STEP)
		return ts->loop_frame;
	if (!ts->cur.coro || !ts->cur.code)
		return 0;
	if (ts->proc.py.gen_iframe != LS_PY_NONE)
		return ts->cur.coro + ts->proc.py.gen_iframe;
	return read_ptr(ts->cur.coro + ts->proc.py.gen_frame);
}

/*
 * Fills rec->frames, n_frames and flags from `frame` outwards, up to and including `last`. A program of its own to the
 * verifier (walk.bpf.c).
 */
LS_SUBPROG int frames_walk(struct thread_state *ts, struct ls_rec_stack *rec, __u64 frame, __u64 last);

#endif
