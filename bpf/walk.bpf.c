// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The frame walk. With LOOPSTALL_HOSTED this file is ordinary C, which the unit tests include.
 */
#ifndef LOOPSTALL_HOSTED
#include "maps.h"
#endif
#include "frames.h"

/*
 * Frame i of the chain goes to index i, shims with code 0: a second counter makes the verifier explore every
 * subset.
 */
LS_SUBPROG int frames_walk(struct thread_state *ts, struct ls_rec_stack *rec, __u64 frame, __u64 last)
{
	__u32 flags = LS_STACK_TRUNCATED;
	__u32 i;

	if (!ts || !rec)
		return 0;
	for (i = 0; i < LS_MAX_FRAMES; i++) {
		__u64 code;

		if (!frame) {
			flags = last ? LS_STACK_OUTSIDE : 0;
			break;
		}
		if (frame_read(ts, frame)) {
			flags = LS_STACK_UNREADABLE;
			break;
		}
		code = frame_word(ts, ts->proc.py.frame_code) & ~(__u64)ts->proc.py.tag_mask;
		if (ts->proc.py.frame_owner != LS_PY_NONE &&
		    ts->frame[ts->proc.py.frame_owner & FRAME_MASK] >= ts->proc.py.frame_owner_skip_min)
			code = 0;
		rec->frames[i].code = code;
		rec->frames[i].position = frame_word(ts, ts->proc.py.frame_position);
		if (frame == last) {
			flags = ts->cur.unit == LS_UNIT_STEP ? LS_STACK_AT_CORO : LS_STACK_AT_LOOP;
			i++;
			break;
		}
		frame = frame_word(ts, ts->proc.py.frame_previous);
	}
	rec->n_frames = i;
	rec->flags = flags;
	if (flags & LS_STACK_TRUNCATED)
		count_loss(LS_LOSS_STACK_TRUNCATED);
	if (flags & LS_STACK_UNREADABLE)
		count_loss(LS_LOSS_STACK_UNREADABLE);
	return 0;
}
