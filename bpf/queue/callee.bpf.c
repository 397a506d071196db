// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See callee.h. Sources: cpython Include/cpython/methodobject.h (PyCFunctionObject),
 * Include/cpython/descrobject.h (PyMethodDescrObject), Modules/_functoolsmodule.c (partialobject),
 * Lib/asyncio/events.py (Handle); uvloop/cbhandles.pxd.
 */
#ifndef LOOPSTALL_HOSTED
#include "core/maps.h"
#endif
#include "queue/callee.h"

#include "core/span.h"
#include "python/objects.h"
#include "python/pytasks.h"
#include "queue/arrivals.h"

/* Behind the head of a method descriptor: its type, name, qualified name and definition. */
#define DESCRIPTOR_DEFINITION 24
/* uvloop's Handle: how it calls back, in front of the callback; 1 is a Python callable. */
#define UVLOOP_KIND_BACK 16
#define UVLOOP_KIND_CALLABLE 1
/* References to a handle that is just run: that of the loop, and one that it takes meanwhile. */
#define UVLOOP_RUNNING_REFERENCES 2

/*
 * uvloop's Loop: the set of its TimerHandles. In a TimerHandle: its callback, and behind that its
 * UVTimer; in that one the TimerHandle, and whether it waits. Read in 0.17.0 and 0.23.0; the sizes
 * of the last two were compared, or there is no `uv_timer_args`.
 */
#define UVLOOP_TIMER_HANDLES 208
#define UVLOOP_TIMER_CALLBACK 24
#define UVLOOP_TIMER_PART 3
#define UVLOOP_UVTIMER_CONTEXT 80
/* More slots of the set are not looked at: that would take longer than 10 us. */
#define MOST_TIMER_SLOTS 256

#define TYPE_NAME_BYTES 16

/* The beginning of a type's name. */
struct type_name {
	__u64 words[TYPE_NAME_BYTES / 8];
};

LS_INLINE int type_name_read(const struct thread_state *ts, __u64 type, struct type_name *ret)
{
	return !type || read_user(ret, sizeof(*ret), read_ptr(type + ts->proc.py.at.tp_name));
}

/* Does it begin with these bytes? A whole name is one with its NUL. */
LS_INLINE int type_name_is(const struct type_name *name, const char text[TYPE_NAME_BYTES],
			   __u32 n_bytes)
{
	__u64 words[TYPE_NAME_BYTES / 8];
	__u64 first_mask = n_bytes < 8 ? (1ULL << 8 * n_bytes) - 1 : ~0ULL;
	__u64 second_mask = n_bytes < 16 ? (1ULL << 8 * (n_bytes & 7)) - 1 : ~0ULL;

	__builtin_memcpy(words, text, sizeof(words));
	if (n_bytes <= 8)
		second_mask = 0;
	return !((name->words[0] ^ words[0]) & first_mask) &&
		!((name->words[1] ^ words[1]) & second_mask);
}

#define TYPE_NAMES(_)                                                                              \
	_(HANDLE, "Handle", 7)                                                                     \
	_(TIMER_HANDLE, "TimerHandle", 12)                                                         \
	_(PARTIAL, "functools.partial", 16)                                                        \
	_(FUNCTION, "builtin_function_or_method", 16)                                              \
	_(CYTHON_FUNCTION, "cython_function_or_method", 16)                                        \
	_(DESCRIPTOR, "method_descriptor", 16)                                                     \
	_(TYPE, "type", 5)                                                                         \
	_(PYTHON_FUNCTION, "function", 9)                                                          \
	_(PYTHON_METHOD, "method", 7)

enum known_type {
#define _(id, text, n_bytes) TYPE_##id,
	TYPE_NAMES(_)
#undef _
		TYPE_OTHER
};

LS_INLINE enum known_type known_type(const struct type_name *name)
{
#define _(id, text, n_bytes)                                                                       \
	if (type_name_is(name, text "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", n_bytes))                    \
		return TYPE_##id;
	TYPE_NAMES(_)
#undef _
	return TYPE_OTHER;
}

LS_INLINE __u64 type_of(const struct thread_state *ts, __u64 object)
{
	return object ? read_ptr(object + ts->proc.py.at.ob_type) : 0;
}

LS_INLINE enum known_type known_type_of(const struct thread_state *ts, __u64 object)
{
	struct type_name name;

	return type_name_read(ts, type_of(ts, object), &name) ? TYPE_OTHER : known_type(&name);
}

/* The name of its module (str), or the type whose method it is: of a class's method the class. */
LS_INLINE __u64 owner_of(const struct thread_state *ts, __u64 function)
{
	const __u32 self_at = ts->proc.py.at.cfunction_self;
	__u64 self = read_ptr(function + self_at), module = read_ptr(function + self_at + 8);

	if (module || !self)
		return module;
	return known_type_of(ts, self) == TYPE_TYPE ? self : type_of(ts, self);
}

/* Is this the type of something that can be called, and is no step of a task? */
LS_INLINE int is_callable(const struct thread_state *ts, __u64 type)
{
	const __u64 call = type ? read_ptr(type + ts->proc.py.at.tp_call) : 0;

	return call && call != ts->proc.py.step_call && call != ts->proc.py.wakeup_call;
}

LS_SUBPROG int callee_set(struct thread_state *ts, __u64 callable, enum known_type kind)
{
	const struct ls_pyoffsets *py;
	__u64 code = 0, owner = 0;

	if (!ts)
		return 0;
	py = &ts->proc.py.at;
	switch (kind) {
	case TYPE_FUNCTION:
	case TYPE_CYTHON_FUNCTION:
		if (callback_task(&ts->proc, callable))
			return 0;
		code = read_ptr(callable + py->cfunction_def);
		owner = owner_of(ts, callable);
		break;
	case TYPE_DESCRIPTOR:
		code = read_ptr(callable + py->ob_head + DESCRIPTOR_DEFINITION);
		owner = read_ptr(callable + py->ob_head);
		break;
	case TYPE_TYPE:
		owner = callable;
		break;
	case TYPE_PYTHON_FUNCTION:
	case TYPE_PYTHON_METHOD:
		return 0;
	default:
		owner = is_callable(ts, type_of(ts, callable)) ? type_of(ts, callable) : 0;
	}
	if (code) {
		ts->callee.code = code | LS_CODE_C_FUNCTION;
		ts->callee.position = owner;
	} else if (owner) {
		ts->callee.code = owner | LS_CODE_C_TYPE;
		ts->callee.position = 0;
	}
	return 0;
}

/* asyncio's Handle is the first local variable of its method that calls back. */
LS_INLINE __u64 callback_of_frame(const struct thread_state *ts, __u64 frame)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	const __u64 handle = read_ptr(frame + py->frame_locals) & ~(__u64)py->tag_mask;
	const enum known_type kind = known_type_of(ts, handle);

	return kind == TYPE_HANDLE || kind == TYPE_TIMER_HANDLE ?
		read_ptr(handle + py->handle_callback) :
		0;
}

/* The callback of uvloop's Handle in this place of its queue, if it is the one that runs. */
LS_INLINE __u64 callback_of_place(const struct thread_state *ts, const struct ls_loop *loop,
				  __u64 block, __u64 index)
{
	const __u64 handle = read_ptr(block + ts->proc.py.at.deque_block_data + 8 * index);
	__u32 references = 0, kind = 0;

	if (!handle || read_user(&references, sizeof(references), handle) ||
	    references < UVLOOP_RUNNING_REFERENCES ||
	    read_user(&kind, sizeof(kind), handle + loop->py.handle_callback - UVLOOP_KIND_BACK) ||
	    kind != UVLOOP_KIND_CALLABLE)
		return 0;
	return read_ptr(handle + loop->py.handle_callback);
}

/*
 * uvloop's handles run without a frame. The place in its queue from which one was taken last still
 * names it; it runs if it has the references of one that does. Behind the last place of a block,
 * the queue goes on at the beginning of the next block, which still points back to the one that was
 * given up, or, if nothing is left, in the middle of the same one (cpython: deque_popleft()).
 */
LS_INLINE __u64 callback_of_queue(const struct thread_state *ts, const struct ls_loop *loop)
{
	const __u64 last = LS_PY_DEQUE_BLOCK_ITEMS - 1;
	struct deque deque;
	__u64 callback;

	if (!loop->py.handle_callback || deque_read(ts, loop->py.ready, &deque) ||
	    deque.left_index > LS_PY_DEQUE_BLOCK_ITEMS || ts->proc.py.is_free_threaded)
		return 0;
	if (!deque.left_index)
		return callback_of_place(ts, loop, read_ptr(deque.left_block), last);
	callback = callback_of_place(ts, loop, deque.left_block, deque.left_index - 1);
	return callback || deque.length ? callback :
					  callback_of_place(ts, loop, deque.left_block, last);
}

struct timer_search {
	__u64 slots, mask;
	__u64 callback;
};

/* bpf_loop() callback: the i-th slot of uvloop's set of TimerHandles. */
static long find_timer(__u32 i, struct timer_search *search)
{
	struct {
		__u64 context;
		__u32 is_active, pad;
	} timer;
	__u64 handle, parts[UVLOOP_TIMER_PART + 1];

	if (i > search->mask)
		return 1;
	handle = read_ptr(search->slots + i * SET_SLOT_BYTES);
	if (!handle || read_user(parts, sizeof(parts), handle + UVLOOP_TIMER_CALLBACK) ||
	    read_user(&timer, sizeof(timer), parts[UVLOOP_TIMER_PART] + UVLOOP_UVTIMER_CONTEXT) ||
	    timer.context != handle || timer.is_active)
		return 0;
	search->callback = parts[0];
	return 1;
}

/*
 * A timer's handle is in no queue when it runs, but still in the set of all. Its timer no longer
 * runs then; it is taken out of the set when it is over.
 */
LS_INLINE __u64 callback_of_timers(const struct thread_state *ts, const struct ls_loop *loop)
{
	struct timer_search search = {};
	__u64 set;

	if (!loop->py.uv_timer_args)
		return 0;
	set = read_ptr(ts->loop + UVLOOP_TIMER_HANDLES) + ts->proc.py.at.ob_head;
	search.mask = read_ptr(set + SET_MASK);
	search.slots = read_ptr(set + SET_TABLE);
	if (search.mask >= MOST_TIMER_SLOTS)
		return 0;
	bpf_loop(MOST_TIMER_SLOTS, find_timer, &search, 0);
	return search.callback;
}

LS_INLINE __u64 callback_of_native(const struct thread_state *ts, const struct ls_loop *loop)
{
	const __u64 callback = callback_of_timers(ts, loop);

	return callback ? callback : callback_of_queue(ts, loop);
}

LS_SUBPROG int callee_find(struct thread_state *ts, __u64 frame)
{
	const struct ls_loop *loop;
	enum known_type kind;
	__u64 callback;

	if (!ts)
		return 0;
	ts->callee.code = 0;
	ts->callee.position = 0;
	if (ts->cur.unit == LS_UNIT_STEP)
		return 0;
	loop = loop_of(ts);
	if (loop && loop->py.is_native)
		callback = frame == ts->loop_frame ? callback_of_native(ts, loop) : 0;
	else
		callback = callback_of_frame(ts, frame);
	kind = known_type_of(ts, callback);
	if (kind == TYPE_PARTIAL) {
		callback = read_ptr(callback + ts->proc.py.at.ob_head);
		kind = known_type_of(ts, callback);
	}
	return callback ? callee_set(ts, callback, kind) : 0;
}
