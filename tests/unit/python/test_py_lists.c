/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists of tasks as 3.14 and later keep them, laid out by hand: whole ones, and such as a process
 * shows that changes them.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "python/fake_objects.h"

/* Where a 3.14.10 says they are. */
#define NODE 152
#define INTERP_TASKS 10880
#define THREAD_TASKS 880

static uint64_t interp[1500], *threads[2], task_type;

static uint64_t head_of(int thread)
{
	return thread < 0 ? address(interp) + INTERP_TASKS :
			    address(threads[thread]) + THREAD_TASKS;
}

static void connect_nodes(uint64_t node, uint64_t next)
{
	*(uint64_t *)node = next;
	((uint64_t *)next)[1] = node;
}

/*
 * Asyncio is imported, and no task is written in Python; two threads, whose lists are empty, and
 * that of the interpreter.
 */
static void setup(struct target *t)
{
	static const char *const data[] = { "data" }, *const scheduled[] = { "_scheduled_tasks" },
				 *const modules[] = { "asyncio.tasks" };
	uint64_t *set = object(), weak_set, module;

	*t = self_as(14);
	t->proc.py.at.task_node = NODE;
	t->proc.py.at.interp_tasks = INTERP_TASKS;
	t->proc.py.at.tstate_tasks = THREAD_TASKS;
	py_target(t)->interp = address(interp);
	put(set, t->proc.py.at.ob_head + 24, address(object())); /* a table of one free slot */
	weak_set = make_instance(t, "WeakSet", data, &(uint64_t){ address(set) }, 1);
	module = make_module(t, scheduled, &weak_set, 1);
	put(interp, t->proc.py.at.interp_modules, make_dict(t, modules, &module, 1, true));
	for (int i = 0; i < 2; i++)
		threads[i] = object();
	put(interp, t->proc.py.at.interp_threads_head, address(threads[0]));
	put(threads[0], t->proc.py.at.tstate_next, address(threads[1]));
	for (int i = -1; i < 2; i++)
		connect_nodes(head_of(i), head_of(i));
	task_type = make_type(t, "_asyncio.Task", 0);
	put((uint64_t *)task_type, t->proc.py.at.tp_basicsize, t->proc.py.at.task_bytes);
}

/* Puts a new task behind `node`; returns its node. */
static uint64_t add_task(const struct target *t, uint64_t node, uint32_t state)
{
	uint64_t *task = object(), next = *(uint64_t *)node;

	put(task, t->proc.py.at.ob_type, task_type);
	put(task, t->proc.py.at.task_state, state);
	connect_nodes(address(task) + NODE, next);
	connect_nodes(node, address(task) + NODE);
	return address(task) + NODE;
}

Test(py_lists, of_threads_and_of_the_interpreter)
{
	struct target t;

	setup(&t);
	cr_assert_eq(target__count_tasks(&t), 0);
	add_task(&t, head_of(0), 0);
	add_task(&t, head_of(0), 0);
	add_task(&t, head_of(1), 0);
	add_task(&t, head_of(-1), 0);
	cr_assert_eq(target__count_tasks(&t), 4);
	add_task(&t, head_of(1), 2);
	cr_assert_eq(target__count_tasks(&t), 4, "one that is done does not count");
}

Test(py_lists, circle_without_its_head)
{
	struct target t;
	uint64_t first, second;

	setup(&t);
	first = add_task(&t, head_of(0), 0);
	second = add_task(&t, first, 0);
	connect_nodes(second, first);
	cr_assert_eq(target__count_tasks(&t), 1, "up to the first that names another neighbour");
	connect_nodes(first, first);
	cr_assert_eq(target__count_tasks(&t), 1);
}

Test(py_lists, that_lead_nowhere)
{
	static const uint64_t nowhere[] = { 0, 0x18, UINT64_MAX - 7, 1ULL << 63 };
	struct target t;
	uint64_t node;

	setup(&t);
	add_task(&t, head_of(1), 0);
	node = add_task(&t, add_task(&t, head_of(0), 0), 0);
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(*nowhere); i++) {
		*(uint64_t *)node = nowhere[i];
		cr_assert_eq(target__count_tasks(&t), 3, "what was met before is kept");
	}
	put(threads[0], t.proc.py.at.tstate_next, 0x18);
	cr_assert_eq(target__count_tasks(&t), 2, "a thread that ended takes its list along");
}

/* A node that is no task's: freed, and used for something else. */
Test(py_lists, strangers)
{
	struct target t;
	uint64_t *other = object();

	setup(&t);
	put(other, t.proc.py.at.ob_type, make_type(&t, "str", 1U << 28));
	connect_nodes(address(other) + NODE, head_of(0));
	connect_nodes(head_of(0), address(other) + NODE);
	add_task(&t, head_of(0), 0);
	cr_assert_eq(target__count_tasks(&t), 1);
}
