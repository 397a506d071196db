/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The callback in C, which has no frame, that the loop of asyncio or uvloop calls: as the kernel
 * side finds it (bpf/queue/callee.bpf.c, with the sources).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "python/py_code.h"
#include "python/py_frames.h"
#include "python/py_memory.h"
#include "python/python.h"

#define NAME_BYTES 64
#define UVLOOP_KIND_BACK 16 /* in front of the callback of uvloop's Handle; 1: a callable */
#define UVLOOP_RUNNING_REFERENCES 2 /* of a Handle that is just run */
#define UVLOOP_TIMER_HANDLES 208 /* set of a Loop */
#define UVLOOP_TIMER_CALLBACK 24 /* of a TimerHandle; its UVTimer is a few words behind that */
#define UVLOOP_TIMER_PART 3
#define UVLOOP_UVTIMER_CONTEXT 80 /* of a UVTimer: its TimerHandle, and behind that if it waits */
#define MOST_TIMER_SLOTS 4096
#define DESCRIPTOR_DEFINITION 24 /* behind the head of a method descriptor; its type is first */

static bool is_of_type(const struct target *t, uint64_t object, const char *name)
{
	char found[NAME_BYTES];
	uint64_t type;

	return object && !py_type_of(t, object, &type) &&
		!py_type_name(t, type, found, sizeof(found)) && !strcmp(found, name);
}

static uint64_t word_at(const struct target *t, uint64_t addr)
{
	uint64_t value;

	return py_read_u64(t, addr, &value) ? 0 : value;
}

/* Name of the module, or of the type whose method it is; "" if it has none. */
static void read_owner(const struct target *t, uint64_t function, char buf[NAME_BYTES])
{
	const uint64_t at = function + t->proc.py.at.cfunction_self;
	const uint64_t self = word_at(t, at), module = word_at(t, at + sizeof(self));
	uint64_t type = self;

	buf[0] = '\0';
	if (module) {
		if (!py_str_ascii(t, module, buf, NAME_BYTES))
			buf[0] = '\0';
		return;
	}
	if (!self || (!is_of_type(t, self, "type") && py_type_of(t, self, &type)) ||
	    py_type_name(t, type, buf, NAME_BYTES))
		buf[0] = '\0';
}

/* The definition of a C function or method, which begins with its name, and its owner. */
static int read_function(const struct target *t, uint64_t callable, char *buf, size_t size)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	char name[NAME_BYTES], owner[NAME_BYTES] = "";
	uint64_t definition, text;
	int r;

	if (is_of_type(t, callable, "method_descriptor")) {
		definition = word_at(t, callable + py->ob_head + DESCRIPTOR_DEFINITION);
		if (py_type_name(t, word_at(t, callable + py->ob_head), owner, sizeof(owner)))
			owner[0] = '\0';
	} else {
		definition = word_at(t, callable + py->cfunction_def);
		read_owner(t, callable, owner);
	}
	r = py_read_u64(t, definition, &text);
	if (!r)
		r = py_read_cstring(t, text, name, sizeof(name));
	if (r)
		return r;
	if (!*owner || !strcmp(owner, "builtins"))
		snprintf(buf, size, "%s", name);
	else
		snprintf(buf, size, "%s.%s", owner, name);
	return 0;
}

static bool is_step(const struct target *t, uint64_t callable)
{
	const uint64_t self = word_at(t, callable + t->proc.py.at.cfunction_self);

	return self && py_is_instance(t, self, "Task");
}

/* Something with a type that can be called, which names it. What is written in Python has frames.
 */
static int read_callable(const struct target *t, uint64_t callable, char *buf, size_t size)
{
	const struct ls_proc *proc = &t->proc;
	uint64_t type, call;
	int r;

	if (is_of_type(t, callable, "function") || is_of_type(t, callable, "method"))
		return -ENOENT;
	if (is_of_type(t, callable, "type"))
		return py_type_name(t, callable, buf, size);
	r = py_type_of(t, callable, &type);
	if (!r)
		r = py_read_u64(t, type + proc->py.at.tp_call, &call);
	if (r)
		return r;
	return call && call != proc->py.step_call && call != proc->py.wakeup_call ?
		py_type_name(t, type, buf, size) :
		-ENOENT;
}

static int name_callable(const struct target *t, uint64_t callable, char *buf, size_t size)
{
	if (!callable)
		return -ENOENT;
	if (is_of_type(t, callable, "method_descriptor"))
		return read_function(t, callable, buf, size);
	if (is_of_type(t, callable, "builtin_function_or_method") ||
	    is_of_type(t, callable, "cython_function_or_method"))
		return is_step(t, callable) ? -ENOENT : read_function(t, callable, buf, size);
	return read_callable(t, callable, buf, size);
}

/* asyncio's Handle is the first local variable of its method that calls back. */
static uint64_t callback_of_frame(const struct target *t, uint64_t frame)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	const uint64_t handle = word_at(t, frame + py->frame_locals) & ~(uint64_t)py->tag_mask;

	if (!is_of_type(t, handle, "Handle") && !is_of_type(t, handle, "TimerHandle"))
		return 0;
	return word_at(t, handle + py->handle_callback);
}

/* The callback of uvloop's Handle in this place of its queue, if it is the one that runs. */
static uint64_t callback_of_place(const struct target *t, const struct ls_loop *loop,
				  uint64_t block, uint64_t index)
{
	const uint64_t at = loop->py.handle_callback;
	const uint64_t handle =
		word_at(t, block + t->proc.py.at.deque_block_data + sizeof(uint64_t) * index);
	uint32_t references, kind;

	if (!handle || py_read_u32(t, handle, &references) ||
	    references < UVLOOP_RUNNING_REFERENCES ||
	    py_read_u32(t, handle + at - UVLOOP_KIND_BACK, &kind) || kind != 1)
		return 0;
	return word_at(t, handle + at);
}

/* The place in uvloop's queue from which a handle was taken last still names it. */
static uint64_t callback_of_queue(const struct target *t, const struct ls_loop *loop)
{
	const uint64_t last = LS_PY_DEQUE_BLOCK_ITEMS - 1;
	struct {
		uint64_t length, left_block, right_block, left_index;
	} deque;
	uint64_t callback;

	if (!loop->py.handle_callback || !loop->py.ready || t->proc.py.is_free_threaded ||
	    target__read(t, loop->py.ready + t->proc.py.at.ob_size, &deque, sizeof(deque)) ||
	    deque.left_index > LS_PY_DEQUE_BLOCK_ITEMS)
		return 0;
	if (!deque.left_index)
		return callback_of_place(t, loop, word_at(t, deque.left_block), last);
	callback = callback_of_place(t, loop, deque.left_block, deque.left_index - 1);
	return callback || deque.length ? callback :
					  callback_of_place(t, loop, deque.left_block, last);
}

/* Context of on_timer(). */
struct timer_search {
	const struct target *t;
	uint64_t callback;
};

/* A timer that runs its callback no longer waits, and is still in the set of all. */
static int on_timer(void *ctx, uint64_t handle)
{
	struct timer_search *search = ctx;
	uint64_t parts[UVLOOP_TIMER_PART + 1];
	struct {
		uint64_t context;
		uint32_t is_active;
	} timer;

	if (target__read(search->t, handle + UVLOOP_TIMER_CALLBACK, parts, sizeof(parts)) ||
	    target__read(search->t, parts[UVLOOP_TIMER_PART] + UVLOOP_UVTIMER_CONTEXT, &timer,
			 sizeof(timer)) ||
	    timer.context != handle || timer.is_active)
		return 0;
	search->callback = parts[0];
	return 1;
}

/* uvloop's handles run without a frame. */
static uint64_t callback_of_native(const struct target *t, uint64_t loop)
{
	struct timer_search search = { .t = t };
	const struct loop_kind *kind = NULL;
	struct ls_loop info = { 0 };

	if (py_resolve_loop(t, loop, &info, &kind) || !info.py.is_native)
		return 0;
	if (info.py.uv_timer_args)
		py_set_each(t, word_at(t, loop + UVLOOP_TIMER_HANDLES), MOST_TIMER_SLOTS, on_timer,
			    &search);
	return search.callback ?: callback_of_queue(t, &info);
}

int py_callee(const struct target *t, uint64_t tstate, struct target_callee *ret)
{
	struct target_callee found = { .file = PY_C_FUNCTION_FILE };
	const struct loop_kind *kind;
	uint64_t frame, loop, callable;
	int r = py_frame_top(t, tstate, &frame);

	if (!r)
		r = py_scheduler_of_thread(t, tstate, &loop, &kind);
	if (r || !frame || !loop)
		return r ? r : -ENOENT;
	callable =
		kind == &py_loop_uvloop ? callback_of_native(t, loop) : callback_of_frame(t, frame);
	if (is_of_type(t, callable, "functools.partial"))
		callable = word_at(t, callable + t->proc.py.at.ob_head);
	r = name_callable(t, callable, found.name, sizeof(found.name));
	if (!r)
		*ret = found;
	return r;
}
