/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks that wait for what nobody else refers to, and those that resemble them, on objects laid out
 * by hand: one number of references is the right one, any other says that somebody may end the
 * wait.
 */
#include <errno.h>

#include "fake_waits.h"

#define SHARED_MAX 256 /* tasks of one owner that are looked at */
/* References to a future: of its iterator, of its task, of the list of its owner. */
#define OF_ITERATOR_AND_TASK 2
#define OF_LIST 1

static void begin(void)
{
	begin_as(13);
}

TestSuite(py_forgotten, .init = begin);

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

static void awaits_event(size_t i, uint64_t event)
{
	awaits_owner(i, &(struct waiting){ "wait", "/lib/asyncio/locks.py", event, { 0 } });
}

static int refuse(void *ctx, size_t i, uint64_t owner)
{
	(void)ctx;
	(void)i;
	(void)owner;
	return -EIO;
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

/* A broadcaster reaches those that listen, and does not keep them. */
Test(py_forgotten, one_that_somebody_may_reach)
{
	const uint64_t event = make_owner("Event", OF_COROUTINES);

	awaits_event(0, event);
	awaits_future(1, OF_ITERATOR_AND_TASK, 0);
	cr_expect_eq(count_found(2), 2);
	refer_weakly(event);
	cr_expect_eq(count_found(2), 1);
	refer_weakly(tasks[1].fut_waiter);
	cr_expect_eq(count_found(2), 0);
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
