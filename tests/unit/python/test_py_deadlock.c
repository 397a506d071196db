/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks that wait for each other, and those that resemble them, on objects laid out by hand: what
 * direct awaits and gather() say. Awaits of coroutines are tested on live processes.
 */
#include <errno.h>

#include "fake_objects.h"
#include "python/py_deadlock.h"

#define TASKS 32
#define FLAG_LIST (1U << 25)
#define FLAG_MANAGED_DICT (1U << 4)
#define FUTURE_DONE 2

static struct target target;
static struct py_task_reader reader;
static struct py_raw_task tasks[TASKS];
static uint64_t task_type, future_type, gather_type, list_type;
static size_t found[TASKS]; /* for which task it waits, plus 1; 0: it is not stuck */

static uint64_t make_large_type(const char *name, uint64_t base)
{
	const uint64_t type = make_type(&target, name, FLAG_MANAGED_DICT);
	uint64_t *o = (uint64_t *)(uintptr_t)type;

	put(o, target.proc.py.at.tp_basicsize, 512);
	put(o, target.proc.py.at.tp_base, base);
	return type;
}

static void begin(void)
{
	n_objects = 0;
	memset(pool, 0, sizeof(pool));
	target = self_as(13);
	task_type = make_large_type("_asyncio.Task", 0);
	future_type = make_large_type("_asyncio.Future", 0);
	gather_type = make_large_type("_GatheringFuture", future_type);
	list_type = make_type(&target, "list", FLAG_LIST);
	memset(tasks, 0, sizeof(tasks));
	for (size_t i = 0; i < TASKS; i++) {
		uint64_t *o = object() + 8;

		put(o, target.proc.py.at.ob_type, task_type);
		tasks[i].task = address(o);
	}
}

TestSuite(py_deadlock, .init = begin);

static uint64_t *make_future(uint64_t type, uint32_t state)
{
	uint64_t *o = object() + 8;

	put(o, target.proc.py.at.ob_type, type);
	memcpy((uint8_t *)o + target.proc.py.at.task_state, &state, sizeof(state));
	return o;
}

static uint64_t sleeps(void)
{
	return address(make_future(future_type, PY_FUTURE_PENDING));
}

/* A gather() of these objects. */
static uint64_t gathers(const uint64_t *children, size_t n)
{
	static const char *const names[] = { "_children" };
	uint64_t *o = make_future(gather_type, PY_FUTURE_PENDING), *list = object(),
		 *items = object(), address_of_list = address(list), dict;

	memcpy(items, children, n * sizeof(*children));
	put(list, target.proc.py.at.ob_type, list_type);
	put(list, target.proc.py.at.ob_size, n);
	put(list, target.proc.py.at.list_items, address(items));
	dict = make_dict(&target, names, &address_of_list, 1, true);
	memcpy((uint8_t *)o + target.proc.py.at.managed_dict, &dict, sizeof(dict));
	return address(o);
}

static void wait_for(size_t task, size_t other)
{
	tasks[task].fut_waiter = tasks[other].task;
}

static int note(void *ctx, size_t i, size_t other)
{
	(void)ctx;
	found[i] = other + 1;
	return 0;
}

static int refuse(void *ctx, size_t i, size_t other)
{
	(void)ctx;
	(void)i;
	(void)other;
	return -EIO;
}

static int look(size_t n, py_deadlock_fn *fn)
{
	int r;

	memset(found, 0, sizeof(found));
	memset(&reader, 0, sizeof(reader));
	reader.t = &target;
	cr_assert_eq(py_pages__new(&reader.pages, &target), 0);
	reader.types.t = &target;
	reader.types.pages = reader.pages;
	reader.alive = tasks;
	reader.n_alive = n;
	r = py_deadlock__find(&reader, n, fn, NULL);
	py_pages__free(reader.pages);
	return r;
}

Test(py_deadlock, two_that_wait_for_each_other)
{
	wait_for(0, 1);
	wait_for(1, 0);
	wait_for(2, 0); /* their victim */
	tasks[3].fut_waiter = sleeps();
	wait_for(4, 3);
	cr_assert_eq(look(5, note), 0);
	cr_expect_eq(found[0], 2);
	cr_expect_eq(found[1], 1);
	for (size_t i = 2; i < 5; i++)
		cr_expect_eq(found[i], 0, "task %zu", i);
}

Test(py_deadlock, one_that_waits_for_itself)
{
	wait_for(1, 1);
	cr_assert_eq(look(2, note), 0);
	cr_expect_eq(found[0], 0);
	cr_expect_eq(found[1], 2);
}

Test(py_deadlock, all_that_a_gather_waits_for)
{
	const uint64_t children[] = { tasks[1].task, tasks[2].task };

	tasks[0].fut_waiter = gathers(children, 2);
	wait_for(1, 0);
	wait_for(2, 0);
	cr_assert_eq(look(3, note), 0);
	cr_expect_neq(found[0], 0);
	cr_expect_eq(found[1], 1);
	cr_expect_eq(found[2], 1);
}

/* A child of which nothing is known may go on, and raise. */
Test(py_deadlock, a_gather_with_a_child_that_may_end)
{
	const uint64_t children[] = { tasks[1].task, sleeps() };

	tasks[0].fut_waiter = gathers(children, 2);
	wait_for(1, 0);
	cr_assert_eq(look(2, note), 0);
	cr_expect_eq(found[0], 0);
	cr_expect_eq(found[1], 0);
}

Test(py_deadlock, a_gather_with_a_child_that_is_done)
{
	const uint64_t children[] = { address(make_future(future_type, FUTURE_DONE)),
				      tasks[1].task };

	tasks[0].fut_waiter = gathers(children, 2);
	wait_for(1, 0);
	cr_assert_eq(look(2, note), 0);
	cr_expect_eq(found[0], 2);
	cr_expect_eq(found[1], 1);
}

/* The list of children has gone. */
Test(py_deadlock, a_gather_that_cannot_be_read)
{
	uint64_t *o = make_future(gather_type, PY_FUTURE_PENDING);

	tasks[0].fut_waiter = address(o);
	wait_for(1, 0);
	cr_assert_eq(look(2, note), 0);
	cr_expect_eq(found[0], 0);
	cr_expect_eq(found[1], 0);
}

Test(py_deadlock, tasks_that_were_not_looked_at)
{
	wait_for(0, 1);
	wait_for(1, 0);
	cr_assert_eq(look(1, note), 0);
	cr_expect_eq(found[0], 0);
}

Test(py_deadlock, trio_is_left_out)
{
	wait_for(0, 1);
	wait_for(1, 0);
	tasks[1].is_trio = true;
	cr_assert_eq(look(2, note), 0);
	cr_expect_eq(found[0], 0);
	cr_expect_eq(found[1], 0);
}

Test(py_deadlock, an_error_of_the_caller)
{
	wait_for(0, 0);
	cr_assert_eq(look(1, refuse), -EIO);
}

/* Where each waits for one, those on a way back to themselves are stuck, and no others. */
Test(py_deadlock, as_followed_one_by_one)
{
	srand(1);
	for (int round = 0; round < 300; round++) {
		size_t next[TASKS];

		for (size_t i = 0; i < TASKS; i++) {
			next[i] = (size_t)rand() % (TASKS + 8);
			tasks[i].fut_waiter = next[i] < TASKS ? tasks[next[i]].task : 0;
		}
		cr_assert_eq(look(TASKS, note), 0);
		for (size_t i = 0; i < TASKS; i++) {
			size_t at = next[i];

			for (size_t k = 0; k < TASKS && at < TASKS && at != i; k++)
				at = next[at];
			cr_assert_eq(found[i], at == i ? next[i] + 1 : 0, "task %zu of round %d", i,
				     round);
		}
	}
}
