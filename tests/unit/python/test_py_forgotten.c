/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks that wait for what nobody else refers to, and those that resemble them, on objects laid out
 * by hand: one number of references is the right one, any other says that somebody may end the
 * wait.
 */
#include <errno.h>

#include "base/array.h"
#include "fake_objects.h"
#include "python/py_forgotten.h"

#define TASKS 260
#define SHARED_MAX 256 /* tasks of one owner that are looked at */
#define FLAG_UNICODE (1U << 28)
#define LOCALS_MAX 2
#define STACK_MAX 3
/* References to a future: of its iterator, of its task, of the list of its owner. */
#define OF_ITERATOR_AND_TASK 2
#define OF_LIST 1

static struct target target;
static struct py_task_reader reader;
static struct py_raw_task tasks[TASKS];
static uint64_t str_type, tuple_type, coroutine_type, task_type, future_type, iterator_type;
static uint64_t method_type, function_type;
static bool is_found[TASKS];
static uint64_t owners[TASKS];

static uint64_t make_instance_of(uint64_t type, uint64_t references)
{
	uint64_t *o = object() + 8;

	put(o, 0, references);
	put(o, target.proc.py.at.ob_type, type);
	return address(o);
}

static void begin_built(uint8_t minor, bool is_free_threaded)
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

static void begin_as(uint8_t minor)
{
	begin_built(minor, false);
}

static void begin(void)
{
	begin_as(13);
}

TestSuite(py_forgotten, .init = begin);

static uint64_t make_text(const char *text)
{
	const uint64_t str = make_str(&target, text);

	put((uint64_t *)(uintptr_t)str, target.proc.py.at.ob_type, str_type);
	return str;
}

/* A function, whose first variable is `self` and whose second one is `other`. */
static uint64_t make_code(const char *name, const char *file)
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
static uint64_t *make_frame(uint64_t *coro, uint64_t code, uint16_t *ret_locals)
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
static void end_stack(uint64_t *frame, uint16_t locals, uint16_t bytes)
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
static uint64_t make_coroutine(const struct coroutine *like)
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

static uint64_t make_future(uint64_t references)
{
	return make_instance_of(future_type, references);
}

static uint64_t iterator_of(uint64_t future)
{
	const uint64_t iterator = make_instance_of(iterator_type, 1);

	put((uint64_t *)(uintptr_t)iterator, target.proc.py.at.ob_head, future);
	return iterator;
}

/* A task of `coro` that waits for `future`. */
static void set_task(size_t i, uint64_t coro, uint64_t future)
{
	tasks[i] = (struct py_raw_task){ .task = make_instance_of(task_type, 1),
					 .coro = coro,
					 .fut_waiter = future };
}

/* Task `i` awaits a future that it has in `n` of its variables. */
static void awaits_future(size_t i, uint64_t references, size_t n_variables)
{
	const uint64_t future = make_future(references);
	const struct coroutine coro = {
		.name = "handler",
		.file = "/srv/app.py",
		.self = n_variables > 0 ? future : 0,
		.other = n_variables > 1 ? future : 0,
		.awaits = iterator_of(future),
	};

	set_task(i, make_coroutine(&coro), future);
}

/* What is awaited of asyncio, and its object, which has a list of the futures. */
struct waiting {
	const char *function, *file;
	uint64_t owner;
	uint64_t stack[STACK_MAX - 1]; /* of the coroutine that awaits it */
};

/* The owner is variable `self` of asyncio's function and of the coroutine that calls it. */
static void awaits_owner(size_t i, const struct waiting *w)
{
	const uint64_t future = make_future(OF_ITERATOR_AND_TASK + OF_LIST + 1);
	const struct coroutine inner = {
		.name = w->function,
		.file = w->file,
		.self = w->owner,
		.other = future,
		.awaits = iterator_of(future),
	};
	const struct coroutine outer = {
		.name = "handler",
		.file = "/srv/app.py",
		.self = w->owner,
		.stack = { w->stack[0], w->stack[1] },
		.awaits = make_coroutine(&inner),
	};

	set_task(i, make_coroutine(&outer), future);
}

static uint64_t make_owner(const char *type, uint64_t references)
{
	return make_instance_of(make_type(&target, type, 0), references);
}

static void awaits_event(size_t i, uint64_t event)
{
	awaits_owner(i, &(struct waiting){ "wait", "/lib/asyncio/locks.py", event, { 0 } });
}

/* The exit of a manager, as `async with` leaves it on the stack: up to 3.13 a bound method. */
static uint64_t make_exit(uint64_t manager)
{
	const uint16_t head = target.proc.py.at.ob_head;
	const uint64_t function = make_instance_of(function_type, 1);
	const uint64_t method = make_instance_of(method_type, 1);

	put((uint64_t *)(uintptr_t)function, (uint16_t)(head + 16), make_text("__aexit__"));
	put((uint64_t *)(uintptr_t)method, head, function);
	put((uint64_t *)(uintptr_t)method, (uint16_t)(head + 8), manager);
	return target.proc.py.at.minor < 14 ? method : function;
}

static int note(void *ctx, size_t i, uint64_t owner)
{
	(void)ctx;
	is_found[i] = true;
	owners[i] = owner;
	return 0;
}

static int refuse(void *ctx, size_t i, uint64_t owner)
{
	(void)ctx;
	(void)i;
	(void)owner;
	return -EIO;
}

static int look(size_t n, py_forgotten_fn *fn)
{
	int r;

	memset(is_found, 0, sizeof(is_found));
	memset(owners, 0, sizeof(owners));
	memset(&reader, 0, sizeof(reader));
	reader.t = &target;
	cr_assert_eq(py_pages__new(&reader.pages, &target), 0);
	reader.types.t = &target;
	reader.types.pages = reader.pages;
	reader.alive = tasks;
	reader.n_alive = n;
	r = py_forgotten__find(&reader, n, fn, NULL);
	py_pages__free(reader.pages);
	return r;
}

static size_t count_found(size_t n)
{
	size_t found = 0;

	cr_assert_eq(look(n, note), 0);
	for (size_t i = 0; i < n; i++)
		found += is_found[i];
	return found;
}

/* --- a future */

Test(py_forgotten, a_future_with_its_own_references_only)
{
	for (uint8_t minor = PY_MINOR_MIN; minor <= PY_MINOR_MAX; minor++)
		for (size_t variables = 0; variables <= LOCALS_MAX; variables++)
			for (uint64_t more = 0; more < 4; more++) {
				begin_as(minor);
				awaits_future(0, OF_ITERATOR_AND_TASK + variables + more,
					      variables);
				cr_assert_eq(count_found(1), !more, "3.%d: %zu + %zu", minor,
					     variables, (size_t)more);
				cr_assert_eq(owners[0], 0);
			}
}

/* Torn: a task has just begun to wait, or has ended to. */
Test(py_forgotten, a_future_with_too_few_references)
{
	awaits_future(0, OF_ITERATOR_AND_TASK, 1);
	cr_expect_eq(count_found(1), 0);
	awaits_future(0, 0, 0);
	cr_expect_eq(count_found(1), 0);
}

Test(py_forgotten, a_future_that_is_done)
{
	const uint32_t finished = PY_FUTURE_FINISHED;

	awaits_future(0, OF_ITERATOR_AND_TASK, 0);
	cr_expect_eq(count_found(1), 1);
	memcpy((uint8_t *)(uintptr_t)tasks[0].fut_waiter + target.proc.py.at.task_state, &finished,
	       sizeof(finished));
	cr_expect_eq(count_found(1), 0);
}

/* A subclass may have a way of its own to be set: a gather(), a future of a library. */
Test(py_forgotten, a_future_of_another_class)
{
	const uint64_t type = make_type(&target, "_GatheringFuture", 0);

	put((uint64_t *)(uintptr_t)type, target.proc.py.at.tp_basicsize, 512);
	put((uint64_t *)(uintptr_t)type, target.proc.py.at.tp_base, future_type);
	awaits_future(0, OF_ITERATOR_AND_TASK, 0);
	put((uint64_t *)(uintptr_t)tasks[0].fut_waiter, target.proc.py.at.ob_type, type);
	cr_expect_eq(count_found(1), 0);
}

/* Then it is not known which references are the wait's own. */
Test(py_forgotten, a_future_awaited_through_something_else)
{
	const uint64_t future = make_future(OF_ITERATOR_AND_TASK);
	struct coroutine coro = { .name = "handler", .file = "/srv/app.py", .awaits = future };

	set_task(0, make_coroutine(&coro), future);
	cr_expect_eq(count_found(1), 0);
	coro.awaits = iterator_of(make_future(OF_ITERATOR_AND_TASK));
	set_task(0, make_coroutine(&coro), future);
	cr_expect_eq(count_found(1), 0, "the iterator is another future's");
	coro.awaits = iterator_of(future);
	put((uint64_t *)(uintptr_t)coro.awaits, target.proc.py.at.ob_type,
	    make_type(&target, "Awaiter", 0));
	set_task(0, make_coroutine(&coro), future);
	cr_expect_eq(count_found(1), 0, "an iterator of a library");
	set_task(0, future, future);
	cr_expect_eq(count_found(1), 0, "no coroutine of Python");
}

Test(py_forgotten, tasks_of_others_are_left_out)
{
	awaits_future(0, OF_ITERATOR_AND_TASK, 0);
	tasks[0].is_trio = true;
	cr_expect_eq(count_found(1), 0);
	tasks[0].is_trio = false;
	tasks[0].is_python = true;
	cr_expect_eq(count_found(1), 0);
	tasks[0].is_python = false;
	cr_expect_eq(count_found(1), 1);
}

Test(py_forgotten, the_main_task_may_wait_for_ever)
{
	const uint64_t callback = make_instance_of(function_type, 1);

	put((uint64_t *)(uintptr_t)callback, (uint16_t)(target.proc.py.at.ob_head + 16),
	    make_text("_run_until_complete_cb"));
	awaits_future(0, OF_ITERATOR_AND_TASK, 0);
	tasks[0].callbacks.first = callback;
	cr_expect_eq(count_found(1), 0);
	tasks[0].callbacks.first = make_owner("cython_function_or_method", 1);
	cr_expect_eq(count_found(1), 0, "that of uvloop");
	tasks[0].callbacks.first = make_instance_of(function_type, 1);
	cr_expect_eq(count_found(1), 1, "any other callback");
}

/* wait_for() was a task with callbacks up to 3.11. */
Test(py_forgotten, a_task_that_wait_for_made)
{
	for (uint8_t minor = 11; minor <= 12; minor++) {
		begin_as(minor);
		awaits_future(0, OF_ITERATOR_AND_TASK, 0);
		tasks[0].callbacks.list = make_owner("list", 1);
		cr_expect_eq(count_found(1), minor == 12, "3.%d, a list", minor);
		tasks[0].callbacks.list = 0;
		tasks[0].callbacks.first = make_owner("functools.partial", 1);
		cr_expect_eq(count_found(1), minor == 12, "3.%d, a partial", minor);
	}
}

Test(py_forgotten, inside_a_timeout)
{
	const uint64_t future = make_future(OF_ITERATOR_AND_TASK);
	struct coroutine coro = { .name = "handler",
				  .file = "/srv/app.py",
				  .stack = { make_exit(make_owner("Timeout", 1)) },
				  .awaits = iterator_of(future) };

	set_task(0, make_coroutine(&coro), future);
	cr_expect_eq(count_found(1), 0);
	coro.stack[0] = make_exit(make_owner("Session", 1));
	set_task(0, make_coroutine(&coro), future);
	cr_expect_eq(count_found(1), 1, "another manager");
}

/* --- an owner */

/* Referred to by both coroutines: `self` of one is what the other calls. */
#define OF_COROUTINES 2

Test(py_forgotten, owners_that_only_the_task_refers_to)
{
	static const struct {
		const char *type, *function, *file;
		bool is_waited_for;
	} all[] = {
		{ "Event", "wait", "/lib/asyncio/locks.py", true },
		{ "Condition", "wait", "/lib/asyncio/locks.py", true },
		{ "Semaphore", "acquire", "/lib/asyncio/locks.py", true },
		{ "Queue", "get", "/lib/asyncio/queues.py", true },
		{ "Queue", "put", "/lib/asyncio/queues.py", true },
		{ "Lock", "acquire", "/lib/asyncio/locks.py", false }, /* py_deadlock.c */
		{ "Event", "wait", "/srv/events.py", false },
		{ "Queue", "join", "/lib/asyncio/queues.py", false },
	};

	for (size_t i = 0; i < N_OF(all); i++)
		for (uint64_t more = 0; more < 3; more++) {
			const uint64_t owner = make_owner(all[i].type, OF_COROUTINES + more);
			const bool is_wanted = all[i].is_waited_for && !more;

			awaits_owner(
				0, &(struct waiting){ all[i].function, all[i].file, owner, { 0 } });
			cr_expect_eq(count_found(1), is_wanted, "%s.%s() + %zu", all[i].type,
				     all[i].function, (size_t)more);
			cr_expect_eq(owners[0], is_wanted ? owner : 0);
			begin();
		}
}

/* Up to 3.13 a bound method refers to the manager, since then the stack itself does. */
Test(py_forgotten, a_manager_that_is_entered)
{
	for (uint8_t minor = 13; minor <= 14; minor++)
		for (uint64_t more = 0; more < 2; more++) {
			uint64_t owner;

			begin_as(minor);
			owner = make_owner("Condition", OF_COROUTINES + 1 + more);
			awaits_owner(
				0,
				&(struct waiting){ "wait",
						   "/lib/asyncio/locks.py",
						   owner,
						   { make_exit(owner), minor < 14 ? 0 : owner } });
			cr_expect_eq(count_found(1), !more, "3.%d + %zu", minor, (size_t)more);
		}
}

Test(py_forgotten, several_that_share_one)
{
	const uint64_t event = make_owner("Event", 3 * OF_COROUTINES);

	for (size_t i = 0; i < 3; i++)
		awaits_event(i, event);
	cr_expect_eq(count_found(3), 3);
	cr_expect_eq(owners[2], event);
	cr_expect_eq(count_found(2), 0, "the third one was not looked at");
	put((uint64_t *)(uintptr_t)event, 0, 3 * OF_COROUTINES + 1);
	cr_expect_eq(count_found(3), 0);
}

Test(py_forgotten, two_that_are_shared)
{
	const uint64_t events[] = { make_owner("Event", 2 * OF_COROUTINES),
				    make_owner("Event", 2 * OF_COROUTINES + 1) };

	for (size_t i = 0; i < 4; i++)
		awaits_event(i, events[i % 2]);
	cr_expect_eq(count_found(4), 2);
	cr_expect(is_found[0] && is_found[2]);
}

/* The one inside goes on, and may set it for the others. */
Test(py_forgotten, one_of_several_inside_a_timeout)
{
	const uint64_t event = make_owner("Event", 2 * OF_COROUTINES);
	const uint64_t other = make_owner("Event", OF_COROUTINES);

	awaits_event(0, event);
	awaits_owner(1,
		     &(struct waiting){ "wait",
					"/lib/asyncio/locks.py",
					event,
					{ make_exit(make_owner("CancelScope", 1)) } });
	awaits_event(2, other);
	cr_expect_eq(count_found(3), 1);
	cr_expect(is_found[2]);
}

/* What a main task waits for is told of the others. */
Test(py_forgotten, one_of_several_is_the_main_task)
{
	const uint64_t event = make_owner("Event", 2 * OF_COROUTINES);

	awaits_event(0, event);
	awaits_event(1, event);
	tasks[0].callbacks.first = make_owner("cython_function_or_method", 1);
	cr_expect_eq(count_found(2), 1);
	cr_expect(is_found[1]);
}

/* All have one coroutine, and one future: they only have to be many. */
Test(py_forgotten, an_owner_with_very_many_tasks)
{
	for (size_t n = SHARED_MAX; n <= SHARED_MAX + 1; n++) {
		const uint64_t event = make_owner("Event", n * OF_COROUTINES);

		awaits_event(0, event);
		for (size_t i = 1; i < n; i++)
			tasks[i] = tasks[0];
		cr_expect_eq(count_found(n), n == SHARED_MAX ? n : 0, "%zu tasks", n);
	}
}

/* There a count has two parts, each of a moment of its own. */
Test(py_forgotten, a_build_without_the_lock)
{
	begin_built(14, true);
	awaits_future(0, OF_ITERATOR_AND_TASK, 0);
	cr_expect_eq(count_found(1), 0);
}

Test(py_forgotten, an_error_of_the_caller)
{
	awaits_future(0, OF_ITERATOR_AND_TASK, 0);
	cr_assert_eq(look(1, refuse), -EIO);
}
