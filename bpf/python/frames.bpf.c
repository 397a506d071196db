// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The frame walk. With LOOPSTALL_HOSTED this file is ordinary C, which the unit tests include.
 */
#ifndef LOOPSTALL_HOSTED
#include "core/maps.h"
#endif
#include "python/frames.h"

#include "python/own_calls.h"

/* Of a stack that is too deep, so many of its innermost frames are kept. */
#define INNER_FRAMES (LS_MAX_FRAMES / 2)
#define MOST_FRAMES 2048 /* a deeper stack has no outer frames but that of its coroutine */

#define MOST_MACHINERY 24 /* frames between the poll and the function that runs the loop */

struct search {
	struct thread_state *ts;
	__u64 frame, code;
	__u64 found;
};

/* bpf_loop() callback: one frame outwards, up to that of the code. */
static long find_outwards(__u32 i, struct search *search)
{
	struct thread_state *ts = search->ts;

	(void)i;
	if (!search->frame || frame_read(ts, search->frame))
		return 1;
	if (frame_found(ts).code == search->code) {
		search->found = search->frame;
		return 1;
	}
	search->frame = frame_word(ts, ts->proc.py.at.frame_previous);
	return 0;
}

LS_SUBPROG __u64 frame_of_code(struct thread_state *ts, __u64 code)
{
	struct search search = { .ts = ts, .code = code };

	if (!ts)
		return 0;
	search.frame = frame_top(ts);
	bpf_loop(MOST_MACHINERY, find_outwards, &search, 0);
	return search.found;
}

LS_SUBPROG int python_is_left(struct thread_state *ts)
{
	const struct ls_pyoffsets *py;
	__u64 frame = 0;

	if (!ts || frame_top_read(ts, ts->tstate, &frame))
		return 0;
	if (!frame)
		return 1;
	py = &ts->proc.py.at;
	/* From 3.15 on a frame without code lies below all others. */
	return py->frame_owner != LS_PY_NONE && !frame_read(ts, frame) && !frame_found(ts).code &&
		!frame_word(ts, py->frame_previous);
}

static __always_inline __u32 flags_at_last(const struct thread_state *ts)
{
	return ts->cur.unit == LS_UNIT_STEP || ts->cur.coro ? LS_STACK_AT_CORO : LS_STACK_AT_LOOP;
}

/*
 * A greenlet's stack ends before the coroutine that switched to it. As long as that one runs, it is
 * what the greenlet runs for. If not, the end of the step was not seen.
 */
static __always_inline int is_inside_greenlet(const struct thread_state *ts, __u64 last)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	__u64 coro = ts->cur.coro;
	__s8 state = 0;

	if (!last || ts->cur.unit != LS_UNIT_STEP ||
	    (read_ptr(coro + py->gen_code) & ~(__u64)py->tag_mask) != ts->cur.code)
		return 0;
	/* 3.10 keeps the state in the frame. */
	if (py->stack_top == LS_STACK_TOP_DEPTH)
		coro = last;
	return !read_user(&state, sizeof(state), coro + py->gen_state) && state == py->gen_runs;
}

/*
 * The loops of gevent and eventlet call what they run in greenlets, whose stacks lie beside that of
 * the function that polls.
 */
static __always_inline __u32 flags_at_end(const struct thread_state *ts, __u64 last)
{
	if (ts->bare.codes[0] && ts->cur.unit == LS_UNIT_CALLBACK && !ts->cur.coro)
		return LS_STACK_GREENLET;
	return last ? LS_STACK_OUTSIDE : 0;
}

/*
 * Loops over frames are bpf_loop() callbacks: the verifier explores each body once, not once for
 * each frame.
 */
struct way {
	__u64 frame, last;
	__u32 previous; /* offset */
	__u32 n; /* frames passed */
};

struct walk {
	struct thread_state *ts;
	struct ls_rec_stack *rec;
	__u64 frame, last;
	__u64 middle; /* the first frame of the second half */
	struct ls_frame callee; /* goes before `frame`, if it has code */
	__u32 flags;
	__u32 n;
};

_Static_assert(!(LS_MAX_FRAMES & (LS_MAX_FRAMES - 1)), "a mask bounds the index");

/* bpf_loop() callback: one frame outwards, up to `last`. */
static long go_outwards(__u32 i, struct way *way)
{
	(void)i;
	if (!way->frame || way->frame == way->last)
		return 1;
	way->frame = read_ptr(way->frame + way->previous);
	way->n++;
	return 0;
}

/* bpf_loop() callback: stores one of the outermost frames. */
static long walk_outer_half(__u32 i, struct walk *walk)
{
	struct thread_state *ts = walk->ts;

	if (!walk->frame || frame_read(ts, walk->frame)) {
		walk->flags = LS_STACK_UNREADABLE;
		return 1;
	}
	walk->rec->frames[(INNER_FRAMES + i) & (LS_MAX_FRAMES - 1)] = frame_found(ts);
	if (walk->frame == walk->last) {
		walk->flags = flags_at_last(ts);
		return 1;
	}
	walk->frame = frame_word(ts, ts->proc.py.at.frame_previous);
	return 0;
}

/*
 * Replaces the second half of the frames, which begins with `middle`, by the outermost ones.
 * Returns flags.
 */
LS_SUBPROG int frames_walk_outer(struct thread_state *ts, struct ls_rec_stack *rec, __u64 middle,
				 __u64 last)
{
	struct walk walk = { .ts = ts, .rec = rec, .last = last };
	struct way way = { .frame = middle, .last = last };
	__u32 skip;

	if (!ts || !rec)
		return 0;
	way.previous = ts->proc.py.at.frame_previous;
	bpf_loop(MOST_FRAMES, go_outwards, &way, 0);
	if (way.frame != last) {
		if (!last || ts->cur.unit != LS_UNIT_STEP || frame_read(ts, last))
			return 0;
		rec->frames[LS_MAX_FRAMES - 1] = frame_found(ts);
		return LS_STACK_AT_CORO;
	}
	/* The last frame is not among those that were passed. */
	skip = way.n + (last != 0);
	skip = skip > LS_MAX_FRAMES - INNER_FRAMES ? skip - (LS_MAX_FRAMES - INNER_FRAMES) : 0;
	way.frame = middle;
	bpf_loop(skip, go_outwards, &way, 0);
	walk.frame = way.frame;
	bpf_loop(LS_MAX_FRAMES - INNER_FRAMES, walk_outer_half, &walk, 0);
	return walk.flags;
}

/* Does a frame say itself that C code entered it? From 3.12 on a shim around it does. */
static __always_inline int is_entry(const struct thread_state *ts)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;

	return py->frame_object == LS_PY_NONE ||
		(py->frame_is_entry != LS_PY_NONE && ts->frame[py->frame_is_entry & FRAME_MASK]);
}

/* The frame that was read is number i: whether it was interrupted to call the one inside it. */
static __always_inline void look_for_call(struct thread_state *ts, __u64 frame, __u32 i, __u64 code)
{
	struct passed_frame *passed = &ts->passed;
	__u32 call;

	if (!code) {
		passed->is_entry = 1;
		return;
	}
	if (passed->addr && passed->is_entry && passed->index < INNER_FRAMES) {
		call = own_call(ts, frame);
		if (call && (call != LS_CALL_MAYBE_DEATH || !passed->call))
			passed->call = (call & LS_STACK_CALL_MASK) << LS_STACK_CALL_SHIFT |
				passed->index << LS_STACK_CALLED_SHIFT;
	}
	passed->addr = frame;
	passed->code = code;
	passed->index = i;
	passed->is_entry = is_entry(ts);
}

/* bpf_loop() callback: stores frame i of the chain, shims with code 0. */
static long walk_outwards(__u32 i, struct walk *walk)
{
	struct thread_state *ts = walk->ts;
	struct ls_frame found;

	if (!i && walk->callee.code) {
		walk->rec->frames[0] = walk->callee;
		walk->n = 1;
		return 0;
	}
	if (!walk->frame && is_inside_greenlet(ts, walk->last))
		walk->frame = walk->last;
	if (!walk->frame) {
		walk->flags = flags_at_end(ts, walk->last);
		return 1;
	}
	if (frame_read(ts, walk->frame)) {
		walk->flags = LS_STACK_UNREADABLE;
		return 1;
	}
	found = frame_found(ts);
	walk->rec->frames[i & (LS_MAX_FRAMES - 1)] = found;
	walk->n = i + 1;
	look_for_call(ts, walk->frame, i, found.code);
	if (walk->frame == walk->last) {
		walk->flags = flags_at_last(ts);
		return 1;
	}
	if (i == INNER_FRAMES)
		walk->middle = walk->frame;
	walk->frame = frame_word(ts, ts->proc.py.at.frame_previous);
	return 0;
}

LS_INLINE void walk(struct thread_state *ts, struct ls_rec_stack *rec, __u64 frame, __u64 last,
		    struct ls_frame callee)
{
	struct walk walk = { .ts = ts,
			     .rec = rec,
			     .frame = frame,
			     .last = last,
			     .callee = callee,
			     .flags = LS_STACK_TRUNCATED };

	ts->passed.addr = 0;
	ts->passed.call = 0;
	bpf_loop(LS_MAX_FRAMES, walk_outwards, &walk, 0);
	rec->n_frames = walk.n;
	if (walk.flags & LS_STACK_TRUNCATED)
		walk.flags |= frames_walk_outer(ts, rec, walk.middle, last);
	rec->flags = walk.flags | ts->passed.call;
}

LS_SUBPROG int frames_walk(struct thread_state *ts, struct ls_rec_stack *rec, __u64 frame,
			   __u64 last)
{
	if (!ts || !rec)
		return 0;
	walk(ts, rec, frame, last, ts->callee);
	if (rec->flags & LS_STACK_TRUNCATED)
		count_loss(LS_LOSS_STACK_TRUNCATED);
	if (rec->flags & LS_STACK_UNREADABLE)
		count_loss(LS_LOSS_STACK_UNREADABLE);
	return 0;
}

LS_SUBPROG int frames_walk_other(struct thread_state *ts, struct ls_rec_stack *rec, __u64 frame)
{
	if (!ts || !rec)
		return 0;
	walk(ts, rec, frame, 0, (struct ls_frame){ 0 });
	return 0;
}
