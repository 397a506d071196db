// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See bare_loop.h.
 */
#include "python/bare_loop.h"

#include "core/maps.h"
#include "python/frames.h"

#define MOST_INWARDS 24 /* frames between the poll and the function that calls it */
#define MOST_FRAMES 256

struct bare_walk {
	struct thread_state *ts;
	__u64 frame;
	__u64 codes[LS_LOOP_CODES]; /* that are searched; 0: none */
	__u64 passed; /* code of the last function that was passed */
	__u32 depth; /* how many of them */
	__u32 is_found;
	__u32 is_unknown; /* a frame could not be read */
};

static __always_inline __u32 is_searched(const struct bare_walk *walk, __u64 code)
{
	__u32 i, is_searched = 0;

	for (i = 0; i < LS_LOOP_CODES; i++)
		is_searched |= code && code == walk->codes[i];
	return is_searched;
}

/* bpf_loop() callback: one frame outwards, up to that of such a code. */
static long bare_outwards(__u32 i, struct bare_walk *walk)
{
	struct thread_state *ts = walk->ts;
	__u64 code;

	(void)i;
	if (!walk->frame)
		return 1;
	if (frame_read(ts, walk->frame)) {
		walk->is_unknown = 1;
		return 1;
	}
	code = frame_found(ts).code;
	walk->is_found = is_searched(walk, code);
	if (walk->is_found)
		return 1;
	/* Frames without code lie between functions that C code called. */
	if (code) {
		walk->depth++;
		walk->passed = code;
	}
	walk->frame = frame_word(ts, ts->proc.py.at.frame_previous);
	return 0;
}

LS_SUBPROG int bare_poll_is_own(struct thread_state *ts)
{
	struct bare_walk walk = { .ts = ts };

	if (!ts || frame_top_read(ts, ts->tstate, &walk.frame))
		return 0;
	walk.codes[0] = ts->bare.codes[0];
	bpf_loop(MOST_INWARDS, bare_outwards, &walk, 0);
	return walk.is_found && walk.depth == ts->bare.depth;
}

static __always_inline void bare_loop_find(struct thread_state *ts)
{
	struct bare_walk walk = { .ts = ts };

	if (frame_top_read(ts, ts->tstate, &walk.frame))
		return;
	__builtin_memcpy(walk.codes, ts->bare.codes, sizeof(walk.codes));
	bpf_loop(MOST_FRAMES, bare_outwards, &walk, 0);
	if (walk.is_found)
		ts->loop_frame = walk.frame;
}

/* The stack of a greenlet ends at another function. 0 also if that is not known. */
static __always_inline int bare_loop_is_left(struct thread_state *ts)
{
	struct bare_walk walk = { .ts = ts };

	if (frame_top_read(ts, ts->tstate, &walk.frame))
		return 0;
	walk.codes[0] = ts->bare.base_code;
	bpf_loop(MOST_FRAMES, bare_outwards, &walk, 0);
	if (walk.is_found || walk.is_unknown || walk.frame)
		return 0;
	return walk.depth ? walk.passed == ts->bare.root_code : !ts->bare.has_greenlets;
}

LS_SUBPROG __u64 bare_loop_look(struct thread_state *ts, __u64 now_ns)
{
	if (!ts || !ts->bare.codes[0] || ts->cur.unit != LS_UNIT_CALLBACK || ts->cur.coro)
		return now_ns;
	bare_loop_find(ts);
	if (!ts->bare_left_ns && ts->bare.base_code && bare_loop_is_left(ts))
		ts->bare_left_ns = now_ns;
	return ts->bare_left_ns ? ts->bare_left_ns : now_ns;
}
