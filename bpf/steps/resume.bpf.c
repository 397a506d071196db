// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See resume.h: who resumes a coroutine, and whether the loop found before still runs.
 */
#include "core/maps.h"
#include "python/frames.h"
#include "python/pytasks.h"
#include "steps/resume.h"

#define MAX_DELEGATION 16 /* coroutines that pass an exception on to each other */
#define FRAME_OWNED_BY_GENERATOR 1 /* cpython: Include/internal/pycore_frame.h, from 3.11 on */

/* The coroutine that owns the frame in ts->frame, which was read from `frame`; 0 if none does. */
static __always_inline __u64 frame_coroutine(const struct thread_state *ts, __u64 frame)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	__u64 gen;

	if (py->frame_generator != LS_PY_NONE)
		gen = frame_word(ts, py->frame_generator);
	else if (ts->frame[py->frame_owner & FRAME_MASK] == FRAME_OWNED_BY_GENERATOR)
		gen = frame - py->gen_iframe;
	else
		gen = 0;
	return gen && read_ptr(gen + py->ob_type) == ts->proc.py.coro_type ? gen : 0;
}

LS_SUBPROG int caller_find(struct thread_state *ts, __u64 coro, __u64 frame)
{
	__u32 i;

	if (!ts)
		return 0;
	ts->caller.coro = coro;
	ts->caller.frame = 0;
	ts->caller.code = 0;
	for (i = 0; i < MAX_DELEGATION; i++) {
		if (!frame || frame_read(ts, frame))
			return 0;
		coro = frame_coroutine(ts, frame);
		if (!coro) {
			ts->caller.frame = frame;
			ts->caller.code = frame_word(ts, ts->proc.py.at.frame_code) &
				~(__u64)ts->proc.py.at.tag_mask;
			return 0;
		}
		ts->caller.coro = coro;
		frame = frame_word(ts, ts->proc.py.at.frame_previous);
	}
	return 0;
}

LS_SUBPROG int owner_check(struct thread_state *ts)
{
	struct ls_loop_key key = {};
	struct ls_loop *loop;
	__u64 task;

	if (!ts || !ts->loop || ts->loop != ts->tstate)
		return 0;
	ts->is_owner_known = 0;
	loop = loop_of(ts);
	if (!loop)
		return 0;
	task = pytask_resumed(&ts->proc.py.at, &loop->py.tasks, ts->cur.frame, ts->cur.coro);
	ts->is_owner_known = task &&
		pytask_attribute(&ts->proc.py.at, &loop->py.tasks, task, loop->py.tasks.owned_by) ==
			loop->py.tasks.owner;
	if (!task || ts->is_owner_known)
		return 0;
	key.loop = ts->loop;
	key.tgid = ts->tgid;
	bpf_map_delete_elem(&loops, &key);
	return 1;
}
