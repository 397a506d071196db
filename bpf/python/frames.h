/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The Python frame walk: from the thread state to the frame of the task's own coroutine. Pure
 * functions over read_user(); the layouts come from struct ls_pyoffsets. Offsets are masked, so a
 * wrong table gives nonsense but never reads outside the buffer.
 */
#ifndef LOOPSTALL_BPF_FRAMES_H
#define LOOPSTALL_BPF_FRAMES_H

#include "core/port.h"
#include "core/state.h"

#define FRAME_MASK 0x7f
#define FRAME_WORD_MASK 0x78

LS_INLINE __u64 frame_word(const struct thread_state *ts, __u32 offset)
{
	return *(const __u64 *)(ts->frame + (offset & FRAME_WORD_MASK));
}

/* Reads the frame at `addr` into ts->frame. */
LS_INLINE long frame_read(struct thread_state *ts, __u64 addr)
{
	__u32 size = ts->proc.py.at.frame_bytes & FRAME_MASK;

	barrier_var(size);
	return read_user(ts->frame, size & FRAME_MASK, addr);
}

/* Code and position of the frame that was read; code 0: it belongs to no function. */
LS_INLINE struct ls_frame frame_found(const struct thread_state *ts)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	struct ls_frame found = { .code = frame_word(ts, py->frame_code) & ~(__u64)py->tag_mask,
				  .position = frame_word(ts, py->frame_position) };

	if (py->frame_owner != LS_PY_NONE &&
	    ts->frame[py->frame_owner & FRAME_MASK] >= py->frame_owner_skip_min)
		found.code = 0;
	return found;
}

/* Innermost frame of the thread with this state, 0 if it runs no Python. Not 0: it is not known. */
LS_INLINE long frame_top_read(const struct thread_state *ts, __u64 tstate, __u64 *ret_frame)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;

	if (!tstate || read_user(ret_frame, sizeof(*ret_frame), tstate + py->tstate_frame))
		return -1;
	if (!*ret_frame || py->cframe_current == LS_PY_NONE)
		return 0;
	return read_user(ret_frame, sizeof(*ret_frame), *ret_frame + py->cframe_current);
}

/* The same, 0 also if it is not known. */
LS_INLINE __u64 frame_top_of(const struct thread_state *ts, __u64 tstate)
{
	__u64 frame = 0;

	return frame_top_read(ts, tstate, &frame) ? 0 : frame;
}

LS_INLINE __u64 frame_top(const struct thread_state *ts)
{
	return frame_top_of(ts, ts->tstate);
}

/*
 * Counts a missing innermost frame. Only inside a step one must exist: after the end of its loop a
 * thread may run no Python.
 */
LS_INLINE void frame_count_missing(const struct thread_state *ts)
{
	if (ts->cur.unit == LS_UNIT_STEP)
		count_loss(LS_LOSS_STACK_NO_THREAD);
}

/*
 * Last frame of the walk: that of the step's coroutine, for callbacks that of a native loop. 0:
 * walk to the end.
 */
LS_INLINE __u64 frame_last(const struct thread_state *ts)
{
	if (ts->cur.unit != LS_UNIT_STEP && !ts->cur.coro)
		return ts->loop_frame;
	if (!ts->cur.coro || !ts->cur.code)
		return 0;
	if (ts->proc.py.at.gen_iframe != LS_PY_NONE)
		return ts->cur.coro + ts->proc.py.at.gen_iframe;
	return read_ptr(ts->cur.coro + ts->proc.py.at.gen_frame);
}

#ifndef LOOPSTALL_HOSTED

/*
 * Does this thread run no Python code at all? That is so before and behind all of its program, as
 * while the interpreter shuts down. 0 also if it could not be read.
 */
LS_SUBPROG int python_is_left(struct thread_state *ts);

/*
 * Fills rec->frames, n_frames and flags from `frame` outwards, up to and including `last`, behind
 * ts->callee if there is one. Of a stack that is too deep both ends are kept.
 */
LS_SUBPROG int frames_walk(struct thread_state *ts, struct ls_rec_stack *rec, __u64 frame,
			   __u64 last);
/*
 * The same to the end of another thread's stack, which may change meanwhile: counts no loss. With
 * LS_STACK_UNREADABLE in the flags, what was read is of no use.
 */
LS_SUBPROG int frames_walk_other(struct thread_state *ts, struct ls_rec_stack *rec, __u64 frame);

/* The innermost frame of `code` among the first few; 0 if there is none. */
LS_SUBPROG __u64 frame_of_code(struct thread_state *ts, __u64 code);

/* Replaces the second half of them, which begins with `middle`. Returns further flags. */
LS_SUBPROG int frames_walk_outer(struct thread_state *ts, struct ls_rec_stack *rec, __u64 middle,
				 __u64 last);

#endif

#endif
