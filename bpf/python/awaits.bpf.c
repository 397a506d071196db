// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See awaits.h. src/python/py_awaits.c reads the same chains from outside. What a suspended
 * coroutine awaits is on top of its frame's value stack. Sources: cpython Objects/genobject.c
 * (_PyGen_yf), Include/cpython/frameobject.h and Include/internal/pycore_frame.h of each version.
 * With LOOPSTALL_HOSTED this file is ordinary C, which the unit tests include.
 */
#ifndef LOOPSTALL_HOSTED
#include "core/maps.h"
#endif
#include "python/awaits.h"

#include "python/frames.h"
#include "python/objects.h"

#define MOST_AWAITS 64 /* objects in one chain, at most */
#define MOST_STACK_BYTES (8 * 65536)
#define OLD_FRAME_BYTES 120 /* up to f_executing */
#define NAME_WORDS 2 /* of a type's name that are compared */
/* Up to 3.12 an instruction says whether a generator awaits or yields. */
#define OP_YIELD_FROM 72 /* 3.8-3.10: Include/opcode.h */
#define RESUME_AFTER_YIELD_FROM 2 /* 3.11, 3.12: least argument of RESUME, Python/compile.c */

/* A coroutine or generator. */
struct link {
	struct ls_frame frame;
	__u64 top; /* address of the topmost value */
	__u32 state; /* enum ls_await_state: suspended, began or unknown */
	__u32 awaits; /* it is suspended because it awaits something */
};

struct await_walk {
	struct thread_state *ts;
	__u64 object;
};

enum chain_kind { CHAIN_END, CHAIN_LINK, CHAIN_WRAPPER, CHAIN_UNKNOWN };

static __always_inline int is_link(const struct ls_pyproc *py, __u64 type)
{
	return type &&
		(type == py->coro_type || type == py->gen_type || type == py->async_gen_type);
}

/* Compares the first NAME_WORDS words; `text` is at least that long, its NUL included. */
static __always_inline int is_named(const __u64 *name, const char *text)
{
	__u64 words[NAME_WORDS];

	__builtin_memcpy(words, text, sizeof(words));
	return name[0] == words[0] && name[1] == words[1];
}

/* Objects whose first field is what they await on behalf of their caller. */
static __always_inline int is_wrapper(const struct thread_state *ts, __u64 type)
{
	__u64 name[NAME_WORDS] = {};

	if (type == ts->proc.py.asend_type)
		return 1;
	/* These types have no exported symbol in some versions, so they are known by name. */
	return !read_user(name, sizeof(name), read_ptr(type + ts->proc.py.at.tp_name)) &&
		(is_named(name, "async_generator_athrow") || is_named(name, "coroutine_wrapper") ||
		 is_named(name, "anext_awaitable"));
}

/* What an object of this type is in a chain; `inner` is its first field. */
static __always_inline __u32 kind_of(struct thread_state *ts, __u64 type, __u64 inner)
{
	const struct ls_pyproc *py = &ts->proc.py;
	__u64 inner_type;

	if (is_link(py, type))
		return CHAIN_LINK;
	/* Nearly all chains end with an iterator over a future. */
	if (type == ts->await_end_type)
		return CHAIN_END;
	inner_type = inner ? read_ptr(inner + py->at.ob_type) : 0;
	if (is_link(py, inner_type) || (inner_type && inner_type == py->asend_type))
		return is_wrapper(ts, type) ? CHAIN_WRAPPER : CHAIN_UNKNOWN;
	ts->await_end_type = type;
	return CHAIN_END;
}

/* A generator that was suspended by a yield of its own awaits nothing. */
static __always_inline int yields_from(const struct thread_state *ts, const struct ls_frame *frame)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	__u64 next = frame->position + 2;
	__u8 byte = 0;

	if (py->minor >= 13)
		return 1;
	if (py->minor >= 11)
		return !read_user(&byte, 1, next + 1) && byte >= RESUME_AFTER_YIELD_FROM;
	next = (__u32)frame->position * (__u64)py->position_is_lasti + 2;
	return !read_user(&byte, 1, read_ptr(frame->code + py->co_code) + py->bytes_data + next) &&
		byte == OP_YIELD_FROM;
}

/* Is there a value on the stack between `bottom` and `top`? Its address, 0 if not. */
static __always_inline __u64 awaited_at(const struct ls_pyoffsets *py, __u64 bottom, __u64 top)
{
	if (top < bottom + py->stack_back || top - bottom > MOST_STACK_BYTES)
		return 0;
	return top - py->stack_back;
}

static __always_inline void set_state(const struct ls_pyoffsets *py, struct link *link, __s8 state)
{
	link->awaits = state >= py->gen_awaits && state <= py->gen_awaits_max;
	if (state == py->gen_created)
		link->state = LS_AWAIT_BEGAN;
	else if (state > py->gen_created && state < py->gen_runs)
		link->state = LS_AWAIT_SUSPENDED;
}

/* 3.8-3.10: the frame is an object of its own; a coroutine that has ended has none. */
static __always_inline int link_read_old(struct thread_state *ts, struct link *link)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	__u64 frame = object_word(ts, py->gen_frame), bottom, top;

	link->frame.code = object_word(ts, py->gen_code);
	if (!frame)
		return 0;
	if (read_user(ts->frame, OLD_FRAME_BYTES, frame))
		return -1;
	link->frame.position = frame_word(ts, py->frame_position);
	bottom = frame_word(ts, py->frame_stack);
	top = frame_word(ts, py->frame_stack_top);
	if (py->stack_top == LS_STACK_TOP_DEPTH) {
		set_state(py, link, ts->frame[py->gen_state & FRAME_MASK]);
		top = bottom + 8 * (top & 0xffffffff);
	} else if (top) {
		/* While a coroutine runs, its frame has no stack top. */
		link->awaits = (__s32)link->frame.position >= 0;
		link->state = link->awaits ? LS_AWAIT_SUSPENDED : LS_AWAIT_BEGAN;
	}
	link->top = awaited_at(py, bottom, top);
	return 0;
}

/* 3.11 and later: the frame lies inside the generator, its stack behind the locals. */
static __always_inline int link_read_new(struct thread_state *ts, struct link *link, __u64 gen)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	__u32 frame = py->gen_iframe;
	__u64 bottom = gen + frame + py->frame_locals;
	__u64 top = object_word(ts, frame + py->frame_stack_top);

	set_state(py, link, ts->object[py->gen_state & 0xff]);
	link->frame.code = object_word(ts, py->gen_code) & ~(__u64)py->tag_mask;
	link->frame.position = object_word(ts, frame + py->frame_position);
	if (py->stack_top == LS_STACK_TOP_WORDS)
		top = bottom + 8 * (top & 0xffffffff);
	link->top = awaited_at(py, bottom, top);
	return 0;
}

/*
 * Reads the object at `at` into ts->object and returns its type. An object smaller than a generator
 * may end at a page that cannot be read; then only its type is read.
 */
static __always_inline __u64 object_read(struct thread_state *ts, __u64 at, int *ret_is_whole)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	__u32 size =
		py->gen_iframe == LS_PY_NONE ? py->gen_bytes : py->gen_iframe + py->frame_locals;

	size &= 0xff;
	barrier_var(size);
	*ret_is_whole = !read_user(ts->object, size & 0xff, at);
	return *ret_is_whole ? object_word(ts, py->ob_type) : read_ptr(at + py->ob_type);
}

/* Ends the walk; ts->await keeps the last coroutine that was read whole. */
static __always_inline long walk_end(struct thread_state *ts, __u32 state)
{
	ts->await.state = state;
	return 1;
}

static __always_inline long walk_fail(struct thread_state *ts)
{
	count_loss(LS_LOSS_AWAIT_UNREADABLE);
	return walk_end(ts, LS_AWAIT_UNKNOWN);
}

/* bpf_loop() callback: one object inwards. */
static long go_inwards(__u32 i, struct await_walk *walk)
{
	struct thread_state *ts = walk->ts;
	const struct ls_pyoffsets *py;
	struct link link = {};
	__u64 type, inner;
	int is_whole;
	__u32 kind;

	if (!ts)
		return 1;
	py = &ts->proc.py.at;
	type = object_read(ts, walk->object, &is_whole);
	if (!type)
		return walk_fail(ts);
	inner = is_whole ? object_word(ts, py->ob_head) : read_ptr(walk->object + py->ob_head);
	kind = kind_of(ts, type, inner);
	if (kind == CHAIN_END)
		return walk_end(ts, i ? LS_AWAIT_SUSPENDED : LS_AWAIT_UNKNOWN);
	if (kind == CHAIN_WRAPPER) {
		walk->object = inner;
		return 0;
	}
	if (kind == CHAIN_UNKNOWN || !is_whole ||
	    (py->gen_iframe == LS_PY_NONE ? link_read_old(ts, &link) :
					    link_read_new(ts, &link, walk->object)))
		return walk_fail(ts);
	/* What is awaited has begun and has not ended, or the chain is not what it seems. */
	if (link.state == LS_AWAIT_UNKNOWN || (i && link.state == LS_AWAIT_BEGAN))
		return walk_end(ts, LS_AWAIT_UNKNOWN);
	ts->await.frame = link.frame;
	if (link.state == LS_AWAIT_BEGAN || !link.awaits || !link.top ||
	    (type != ts->proc.py.coro_type && !yields_from(ts, &link.frame)))
		return walk_end(ts, link.state);
	walk->object = read_ptr(link.top) & ~(__u64)py->tag_mask;
	return walk->object ? 0 : walk_fail(ts);
}

LS_SUBPROG int awaits_read(struct thread_state *ts, __u64 coro)
{
	struct await_walk walk = { .ts = ts, .object = coro };

	if (!ts)
		return 0;
	/* The result for a chain of more than MOST_AWAITS objects. */
	ts->await.state = LS_AWAIT_UNKNOWN;
	if (coro && bpf_loop(MOST_AWAITS, go_inwards, &walk, 0) == MOST_AWAITS &&
	    ts->await.state == LS_AWAIT_UNKNOWN)
		count_loss(LS_LOSS_AWAIT_UNREADABLE);
	return 0;
}
