/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks and the coroutines that they run, laid out by hand: what they have in their variables and
 * on their stacks, and which of them wait for what nobody can end.
 */
#ifndef TESTS_PYTHON_FAKE_WAITS_H
#define TESTS_PYTHON_FAKE_WAITS_H

#include "base/array.h"
#include "fake_objects.h"
#include "python/py_forgotten.h"

#define TASKS 260
#define FLAG_UNICODE (1U << 28)
#define LOCALS_MAX 2
#define STACK_MAX 3
#define WEAKLIST 88 /* where an object has the list of its weak references */

static struct target target;
static struct py_task_reader reader;
static struct py_raw_task tasks[TASKS];
static struct py_trio trio; /* all zero: it is not imported */
static uint64_t str_type, tuple_type, coroutine_type, task_type, future_type, iterator_type;
static uint64_t method_type, function_type;
static bool is_found[TASKS];
static uint64_t owners[TASKS];

static inline uint64_t make_instance_of(uint64_t type, uint64_t references)
{
	uint64_t *o = object() + 8;

	put(o, 0, references);
	put(o, target.proc.py.at.ob_type, type);
	return address(o);
}

static inline void begin_built(uint8_t minor, bool is_free_threaded)
{
	n_objects = 0;
	memset(pool, 0, sizeof(pool));
	target = self_built(minor, is_free_threaded);
	str_type = make_type(&target, "str", FLAG_UNICODE);
	tuple_type = make_type(&target, "tuple", 1U << 26);
	coroutine_type = make_type(&target, "coroutine", 0);
	task_type = make_type(&target, "_asyncio.Task", 0);
	future_type = make_type(&target, "_asyncio.Future", 0);
	iterator_type = make_type(&target, "_asyncio.FutureIter", 0);
	method_type = make_type(&target, "method", 0);
	function_type = make_type(&target, "function", 0);
	put((uint64_t *)(uintptr_t)future_type, target.proc.py.at.tp_basicsize, 512);
	memset(tasks, 0, sizeof(tasks));
}

static inline void begin_as(uint8_t minor)
{
	begin_built(minor, false);
}

static inline uint64_t make_text(const char *text)
{
	const uint64_t str = make_str(&target, text);

	put((uint64_t *)(uintptr_t)str, target.proc.py.at.ob_type, str_type);
	return str;
}

/* A function, whose first variable is `self` and whose second one is `other`. */
static inline uint64_t make_code(const char *name, const char *file)
{
	static const char *const variables[LOCALS_MAX] = { "self", "other" };
	const struct ls_pyoffsets *py = &target.proc.py.at;
	uint64_t *code = object(), *names = object();

	put(names, py->ob_type, tuple_type);
	put(names, py->ob_size, LOCALS_MAX);
	for (uint16_t i = 0; i < LOCALS_MAX; i++)
		put(names, (uint16_t)(py->tuple_items + 8 * i), make_text(variables[i]));
	put(code, py->co_name, make_text(name));
	put(code, py->co_filename, make_text(file));
	put(code, (uint16_t)(py->co_filename - (py->minor < 11 ? 32 : 16)), address(names));
	return address(code);
}

struct coroutine {
	const char *name, *file;
	uint64_t self, other; /* variables */
	uint64_t stack[STACK_MAX - 1]; /* below what is awaited; 0: not there */
	uint64_t awaits;
};

/* Its frame, up to 3.10 an object of its own; `ret_locals` is where its variables begin. */
static inline uint64_t *make_frame(uint64_t *coro, uint64_t code, uint16_t *ret_locals)
{
	const struct ls_pyoffsets *py = &target.proc.py.at;
	uint64_t *frame = coro;

	*ret_locals = py->frame_locals;
	if (py->gen_iframe != LS_PY_NONE) {
		*ret_locals = (uint16_t)(*ret_locals + py->gen_iframe);
		put(coro, (uint16_t)(py->gen_iframe + py->frame_code), code);
		((int8_t *)coro)[py->gen_state] = (int8_t)py->gen_awaits_max;
		return frame;
	}
	frame = object();
	put(coro, py->gen_frame, address(frame));
	put(coro, py->gen_code, code);
	put(frame, py->frame_stack, address(frame) + py->frame_locals + 8 * LOCALS_MAX);
	((int8_t *)(py->minor == 10 ? frame : coro))[py->gen_state] = (int8_t)py->gen_awaits;
	return frame;
}

/* Says where the stack ends: so many bytes behind the beginning of the variables. */
static inline void end_stack(uint64_t *frame, uint16_t locals, uint16_t bytes)
{
	const struct ls_pyoffsets *py = &target.proc.py.at;
	const uint16_t in_frame = py->gen_iframe != LS_PY_NONE ? py->gen_iframe : 0;
	const uint32_t words = bytes / 8U - (py->stack_top == LS_STACK_TOP_DEPTH ? LOCALS_MAX : 0);
	uint8_t *top = (uint8_t *)frame + in_frame + py->frame_stack_top;

	if (py->stack_top == LS_STACK_TOP_POINTER)
		put((uint64_t *)(void *)top, 0, address(frame) + locals + bytes);
	else
		memcpy(top, &words, sizeof(words));
}

/* Suspended where it awaits. */
static inline uint64_t make_coroutine(const struct coroutine *like)
{
	const struct ls_pyoffsets *py = &target.proc.py.at;
	const uint64_t coro = make_instance_of(coroutine_type, 1);
	uint64_t values[LOCALS_MAX + STACK_MAX + 1] = { like->self, like->other };
	size_t n = LOCALS_MAX;
	uint16_t locals;
	uint64_t *frame =
		make_frame((uint64_t *)(uintptr_t)coro, make_code(like->name, like->file), &locals);

	for (size_t i = 0; i < STACK_MAX - 1; i++)
		if (like->stack[i])
			values[n++] = like->stack[i];
	values[n++] = like->awaits;
	n += py->stack_back / 8U - 1; /* from 3.15 on there is an index above it */
	memcpy((uint8_t *)frame + locals, values, 8 * n);
	end_stack(frame, locals, (uint16_t)(8 * n));
	return coro;
}

/* A task of `coro` that waits for `future`. */
static inline void set_task(size_t i, uint64_t coro, uint64_t future)
{
	tasks[i] = (struct py_raw_task){ .task = make_instance_of(task_type, 1),
					 .coro = coro,
					 .fut_waiter = future };
}

/* The list of its weak references is in its type, and not empty. */
static inline void refer_weakly(uint64_t object)
{
	const struct ls_pyoffsets *py = &target.proc.py.at;
	uint64_t type;

	memcpy(&type, (uint8_t *)(uintptr_t)object + py->ob_type, sizeof(type));
	put((uint64_t *)(uintptr_t)type, (uint16_t)(py->tp_base - 48), WEAKLIST);
	put((uint64_t *)(uintptr_t)object, WEAKLIST, 1);
}

static inline uint64_t make_owner(const char *type, uint64_t references)
{
	return make_instance_of(make_type(&target, type, 0), references);
}

/* The exit of a manager, as `async with` leaves it on the stack: up to 3.13 a bound method. */
static inline uint64_t make_exit(uint64_t manager)
{
	const uint16_t head = target.proc.py.at.ob_head;
	const uint64_t function = make_instance_of(function_type, 1);
	const uint64_t method = make_instance_of(method_type, 1);

	put((uint64_t *)(uintptr_t)function, (uint16_t)(head + 16), make_text("__aexit__"));
	put((uint64_t *)(uintptr_t)method, head, function);
	put((uint64_t *)(uintptr_t)method, (uint16_t)(head + 8), manager);
	return target.proc.py.at.minor < 14 ? method : function;
}

static inline int note(void *ctx, size_t i, uint64_t owner)
{
	(void)ctx;
	is_found[i] = true;
	owners[i] = owner;
	return 0;
}

static inline int look(size_t n, py_forgotten_fn *fn)
{
	int r;

	memset(is_found, 0, sizeof(is_found));
	memset(owners, 0, sizeof(owners));
	memset(&reader, 0, sizeof(reader));
	reader.t = &target;
	reader.trio = trio;
	reader.has_trio = trio.task_type != 0;
	cr_assert_eq(py_pages__new(&reader.pages, &target), 0);
	reader.types.t = &target;
	reader.types.pages = reader.pages;
	reader.alive = tasks;
	reader.n_alive = n;
	r = py_forgotten__find(&reader, n, fn, NULL);
	py_pages__free(reader.pages);
	return r;
}

static inline size_t count_found(size_t n)
{
	size_t found = 0;

	cr_assert_eq(look(n, note), 0);
	for (size_t i = 0; i < n; i++)
		found += is_found[i];
	return found;
}

#endif
