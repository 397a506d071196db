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
#include "queue/arrivals.h"

/* Behind the head of a method descriptor: its type, name, qualified name and definition. */
#define DESCRIPTOR_DEFINITION 24
/* uvloop's Handle: how it calls back, in front of the callback; 1 is a Python callable. */
#define UVLOOP_KIND_BACK 16
#define UVLOOP_KIND_CALLABLE 1
/* References to a handle that is just run: that of the loop, and one that it takes meanwhile. */
#define UVLOOP_RUNNING_REFERENCES 2

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

/*
 * uvloop's handles run without a frame. The place in its queue from which one was taken last still
 * names it, unless that was the last place of a block; it runs if it has the references of one that
 * does. A timer's handle is in no queue: it is not known.
 */
LS_INLINE __u64 callback_of_queue(const struct thread_state *ts, const struct ls_loop *loop)
{
	struct deque deque;
	__u64 handle;
	__u32 references = 0, kind = 0;

	if (!loop->py.handle_callback || deque_read(ts, loop->py.ready, &deque) ||
	    !deque.left_index || deque.left_index > LS_PY_DEQUE_BLOCK_ITEMS ||
	    ts->proc.py.is_free_threaded)
		return 0;
	handle = read_ptr(deque.left_block + ts->proc.py.at.deque_block_data +
			  8 * (deque.left_index - 1));
	if (!handle || read_user(&references, sizeof(references), handle) ||
	    references < UVLOOP_RUNNING_REFERENCES ||
	    read_user(&kind, sizeof(kind), handle + loop->py.handle_callback - UVLOOP_KIND_BACK) ||
	    kind != UVLOOP_KIND_CALLABLE)
		return 0;
	return read_ptr(handle + loop->py.handle_callback);
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
		callback = frame == ts->loop_frame ? callback_of_queue(ts, loop) : 0;
	else
		callback = callback_of_frame(ts, frame);
	kind = known_type_of(ts, callback);
	if (kind == TYPE_PARTIAL) {
		callback = read_ptr(callback + ts->proc.py.at.ob_head);
		kind = known_type_of(ts, callback);
	}
	return callback ? callee_set(ts, callback, kind) : 0;
}
