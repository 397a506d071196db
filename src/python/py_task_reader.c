/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See py_task_reader.h. Sources: cpython Lib/asyncio/tasks.py (_all_tasks up to 3.11,
 * _scheduled_tasks and _eager_tasks since), Modules/_asynciomodule.c (from 3.14 on its own tasks
 * are in linked lists, and only those written in Python in the sets),
 * Include/internal/pycore_llist.h, Lib/_weakrefset.py. Of trio: py_trio.c.
 */
#include "python/py_task_reader.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "python/py_memory.h"
#include "python/py_tstates.h"
#include "python/python.h"

#define MAX_TASKS 200000
#define LIST_TRIES 4
#define TASK_BYTES_MAX 192
#define MINOR_WITH_EAGER_TASKS 12
#define WEAKREF_OBJECT 0 /* behind the head */
#define MINOR_WITH_BITS 13 /* flags of a task are bits of one byte since */
#define BIT_LOG_TB 0
#define BIT_MUST_CANCEL 2

void py_task_reader__done(struct py_task_reader *r)
{
	py_waiters__done(&r->waiters);
	py_pages__free(r->pages);
	free(r->members);
	free(r->alive);
}

int py_task_reader__init(struct py_task_reader *r, const struct target *t)
{
	r->t = t;
	r->types.t = t;
	r->waiters.types = &r->types;
	if (t->proc.py.at.task_bytes > TASK_BYTES_MAX)
		return -ENOTSUP;
	if (py_pages__new(&r->pages, t))
		return -ENOMEM;
	r->types.pages = r->pages;
	r->has_trio = !py_trio__find(t, &r->trio);
	return 0;
}

static int on_member(void *ctx, uint64_t member)
{
	struct py_task_reader *r = ctx;

	if (r->n_members == r->size) {
		size_t size = r->size ? 2 * r->size : 256;
		uint64_t *members;

		if (size > 2 * MAX_TASKS)
			return -E2BIG;
		members = realloc(r->members, size * sizeof(*members));
		if (!members)
			return -ENOMEM;
		r->members = members;
		r->size = size;
	}
	r->members[r->n_members++] = member;
	return 0;
}

static int by_address(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* Sorts by address, so that each block is read once, and removes duplicates. */
static void sort_members(struct py_task_reader *r)
{
	size_t n = 0;

	array__sort(r->members, r->n_members, sizeof(*r->members), by_address);
	for (size_t i = 0; i < r->n_members; i++)
		if (!n || r->members[n - 1] != r->members[i])
			r->members[n++] = r->members[i];
	r->n_members = n;
}

static int read_set(struct py_task_reader *r, uint64_t set)
{
	size_t before = r->n_members;
	int code = py_set_each(r->t, set, 16 * MAX_TASKS, on_member, r);

	if (code != -EFAULT)
		return code;
	/* The set was resized during the read: read it once more. */
	r->n_members = before;
	return py_set_each(r->t, set, 16 * MAX_TASKS, on_member, r);
}

static int read_weak_set(struct py_task_reader *r)
{
	const char *name = r->t->proc.py.at.minor >= MINOR_WITH_EAGER_TASKS ? "_scheduled_tasks" :
									      "_all_tasks";
	uint64_t weak_set, set;
	int code = py_module_attribute(r->t, "asyncio.tasks", name, &weak_set);

	if (!code)
		code = py_attribute(r->t, weak_set, "data", &set);
	if (!code)
		code = read_set(r, set);
	if (code)
		return code;
	sort_members(r);
	/* A dead weak reference refers to None, which is no task. */
	for (size_t i = 0; i < r->n_members; i++)
		if (py_pages__read(r->pages,
				   r->members[i] + r->t->proc.py.at.ob_head + WEAKREF_OBJECT,
				   &r->members[i], sizeof(*r->members)))
			r->members[i] = 0;
	return 0;
}

/*
 * The tasks of one circular list. False if it changed during the read: two neighbours do not point
 * to each other. The entries found so far are kept; they are validated and deduplicated later.
 */
static int read_list(struct py_task_reader *r, uint64_t head, bool *ret_is_whole)
{
	uint64_t node = head;
	struct {
		uint64_t next, prev;
	} links;
	int code = 0;

	*ret_is_whole = false;
	while (!code && !py_pages__read(r->pages, node, &links, sizeof(links))) {
		uint64_t from = node;

		node = links.next;
		if (node == head) {
			*ret_is_whole = true;
			return 0;
		}
		code = on_member(r, node - r->t->proc.py.at.task_node);
		if (py_pages__read(r->pages, node, &links, sizeof(links)) || links.prev != from)
			return code;
	}
	return code;
}

static int read_list_again(struct py_task_reader *r, uint64_t head)
{
	bool is_whole = false;
	int code = 0;

	for (int i = 0; !code && !is_whole && i < LIST_TRIES; i++) {
		if (i)
			py_pages__forget(r->pages);
		code = read_list(r, head, &is_whole);
	}
	return code;
}

/*
 * The list of a thread has the tasks that the thread created, that of the interpreter those of
 * threads that have ended.
 */
static int read_lists(struct py_task_reader *r)
{
	const struct ls_pyoffsets *py = &r->t->proc.py.at;
	struct py_tstates walk = { .t = r->t };
	uint64_t tstate;
	int code = read_list_again(r, py_target(r->t)->interp + py->interp_tasks);

	while (!code && (tstate = py_tstates__next(&walk)))
		code = read_list_again(r, tstate + py->tstate_tasks);
	if (!code)
		code = walk.error;
	/* A thread that just ended. */
	return code == -EFAULT ? 0 : code;
}

static int read_asyncio(struct py_task_reader *r)
{
	uint64_t eager;
	int code = read_weak_set(r);

	if (!code && r->t->proc.py.at.task_node != LS_PY_NONE)
		code = read_lists(r);

	if (!code && r->t->proc.py.at.minor >= MINOR_WITH_EAGER_TASKS &&
	    !py_module_attribute(r->t, "asyncio.tasks", "_eager_tasks", &eager))
		code = read_set(r, eager);
	return code;
}

/* The tasks of each thread's Runner. -ENOENT if there is none. */
static int read_trio(struct py_task_reader *r)
{
	struct py_tstates walk = { .t = r->t };
	uint64_t tstate, runner, set;
	int code = 0, n_runners = 0;

	while (!code && (tstate = py_tstates__next(&walk)))
		if (!py_trio__runner(r->t, &r->trio, tstate, &runner) &&
		    !py_attribute(r->t, runner, "tasks", &set)) {
			code = read_set(r, set);
			n_runners++;
		}
	if (!code)
		code = walk.error;
	if (code && code != -EFAULT)
		return code;
	return n_runners ? 0 : -ENOENT;
}

int py_task_reader__list(struct py_task_reader *r)
{
	int code = read_asyncio(r), trio = -ENOENT;

	if (r->has_trio && (!code || code == -ENOENT))
		trio = read_trio(r);
	sort_members(r);
	if (code == -ENOENT || (trio && trio != -ENOENT))
		code = trio;
	return code;
}

static uint64_t attribute(const struct target *t, uint64_t object, const char *name)
{
	uint64_t value;

	return py_attribute(t, object, name, &value) ? 0 : value;
}

/* A task written in Python has no C fields, so one that is in the set counts as alive. */
static void read_python_task(const struct target *t, uint64_t task, struct py_raw_task *raw)
{
	raw->is_python = true;
	raw->loop = attribute(t, task, "_loop");
	raw->coro = attribute(t, task, "_coro");
	raw->name = attribute(t, task, "_name");
	raw->fut_waiter = attribute(t, task, "_fut_waiter");
}

bool py_task_reader__is_trio(struct py_task_reader *r, uint64_t task)
{
	const struct py_type *type = r->has_trio ? py_types__of(&r->types, task) : NULL;

	return type && type->addr == r->trio.task_type;
}

/* Its Runner forgets a task that is done. */
static bool read_trio_task(struct py_task_reader *r, uint64_t task, struct py_raw_task *raw)
{
	uint64_t next_send;

	raw->is_python = true;
	raw->is_trio = true;
	if (py_pages__read(r->pages, task + r->trio.owner, &raw->loop, sizeof(raw->loop)) ||
	    py_pages__read(r->pages, task + r->trio.coro, &raw->coro, sizeof(raw->coro)) ||
	    py_pages__read(r->pages, task + r->trio.name, &raw->name, sizeof(raw->name)) ||
	    py_pages__read(r->pages, task + r->trio.parent_nursery, &raw->nursery,
			   sizeof(raw->nursery)) ||
	    py_pages__read(r->pages, task + r->trio.next_send, &next_send, sizeof(next_send)))
		return false;
	raw->is_scheduled = next_send != r->t->proc.py.none;
	return true;
}

static bool flag(const struct ls_pyoffsets *py, const uint8_t *task, uint16_t offset, int bit)
{
	return py->minor < MINOR_WITH_BITS ? py_half(task, offset) != 0 : task[offset] >> bit & 1;
}

/* Instances have those attributes of a future only that were assigned. */
static uint64_t lost_python_exception(const struct target *t, uint64_t task)
{
	const uint64_t exception = attribute(t, task, "_exception"),
		       is_logged = attribute(t, task, "_Future__log_traceback");
	uint64_t value;

	if (!exception || !is_logged || exception == t->proc.py.none ||
	    !py_str_equals(t, attribute(t, task, "_state"), "FINISHED"))
		return 0;
	return !py_int_value(t, is_logged, &value) && value ? exception : 0;
}

uint64_t py_task_reader__lost_exception(struct py_task_reader *r, uint64_t task)
{
	const struct ls_pyoffsets *py = &r->t->proc.py.at;
	uint8_t object[TASK_BYTES_MAX];
	const enum py_kind kind = py_types__kind(&r->types, task);

	if (kind == PY_PYTASK && !py_task_reader__is_trio(r, task))
		return lost_python_exception(r->t, task);
	if (kind != PY_TASK || py_pages__read(r->pages, task, object, py->task_bytes) ||
	    py_half(object, py->task_state) != PY_FUTURE_FINISHED ||
	    !flag(py, object, py->task_log_tb, BIT_LOG_TB))
		return 0;
	return py_word(object, py->task_exception);
}

bool py_task_reader__read(struct py_task_reader *r, uint64_t task, struct py_raw_task *raw)
{
	const struct ls_pyoffsets *py = &r->t->proc.py.at;
	uint8_t object[TASK_BYTES_MAX];
	enum py_kind kind = py_types__kind(&r->types, task);

	*raw = (struct py_raw_task){ .task = task };
	if (py_task_reader__is_trio(r, task))
		return read_trio_task(r, task, raw);
	if (kind == PY_PYTASK) {
		read_python_task(r->t, task, raw);
		return true;
	}
	if (kind != PY_TASK || py_pages__read(r->pages, task, object, py->task_bytes) ||
	    py_half(object, py->task_state) != PY_FUTURE_PENDING)
		return false;
	raw->loop = py_word(object, py->task_loop);
	raw->coro = py_word(object, py->task_coro);
	raw->name = py_word(object, py->task_name);
	raw->fut_waiter = py_word(object, py->task_fut_waiter);
	raw->callbacks = py_callbacks_of(py, object);
	raw->must_cancel = flag(py, object, py->task_must_cancel, BIT_MUST_CANCEL);
	if (py->task_cancels != LS_PY_NONE)
		raw->n_cancels = py_half(object, py->task_cancels);
	return true;
}

int py_task_reader__read_alive(struct py_task_reader *r)
{
	int code = py_task_reader__list(r);

	if (code)
		return code;
	r->alive = calloc(r->n_members + 1, sizeof(*r->alive));
	if (!r->alive)
		return -ENOMEM;
	for (size_t i = 0; i < r->n_members; i++)
		if (py_task_reader__read(r, r->members[i], &r->alive[r->n_alive]))
			r->n_alive++;
	return py_pages__error(r->pages);
}

bool py_task_reader__runs(struct py_task_reader *r, uint64_t task, uint64_t coro)
{
	uint64_t own;

	if (py_task_reader__is_trio(r, task))
		return !py_pages__read(r->pages, task + r->trio.coro, &own, sizeof(own)) &&
			own == coro;
	return py_types__kind(&r->types, task) == PY_PYTASK &&
		attribute(r->t, task, "_coro") == coro;
}
