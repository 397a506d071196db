/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All tasks of a process, read while it runs. Sources: cpython Lib/asyncio/tasks.py (_all_tasks up to 3.11,
 * _scheduled_tasks and _eager_tasks since), Modules/_asynciomodule.c (from 3.14 on its own tasks are in linked lists, and only those
 * written in Python in the sets), Include/internal/pycore_llist.h, Lib/_weakrefset.py. Of trio: py_trio.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "target/py_awaits.h"
#include "target/py_memory.h"
#include "target/py_names.h"
#include "target/py_pages.h"
#include "target/py_trio.h"
#include "target/py_types.h"
#include "target/py_waiters.h"

#define MAX_TASKS 200000
#define MAX_THREADS 4096
#define LIST_TRIES 4
#define MAX_RUNNING_WALKS 64 /* each reads the stacks of all threads */
#define TASK_BYTES_MAX 192
#define MINOR_WITH_EAGER_TASKS 12
#define WEAKREF_OBJECT 0 /* behind the head */
#define FUTURE_PENDING 0

/* What the task itself holds. */
struct raw_task {
	uint64_t task, loop, coro, name, fut_waiter;
	bool is_python;
	bool is_trio, is_scheduled; /* is_scheduled: only of trio's it is told here */
	uint64_t nursery; /* of trio's */
};

struct reader {
	const struct target *t;
	struct py_pages *pages;
	struct py_types types;
	struct py_waiters waiters;
	bool has_trio;
	struct py_trio trio;
	size_t n_members, size;
	uint64_t *members; /* objects in the sets: weak references, or tasks */
	size_t n_alive;
	struct raw_task *alive;
	size_t walks_left;
};

static void reader__done(struct reader *r)
{
	py_waiters__done(&r->waiters);
	py_pages__free(r->pages);
	free(r->members);
	free(r->alive);
}

static int reader__init(struct reader *r, const struct target *t)
{
	r->t = t;
	r->walks_left = MAX_RUNNING_WALKS;
	r->types.t = t;
	r->waiters.types = &r->types;
	if (t->proc.py.task_bytes > TASK_BYTES_MAX)
		return -ENOTSUP;
	if (py_pages__new(&r->pages, t))
		return -ENOMEM;
	r->types.pages = r->pages;
	r->has_trio = !py_trio__find(t, &r->trio);
	return 0;
}

static int on_member(void *ctx, uint64_t member)
{
	struct reader *r = ctx;

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

/* Neighbours in memory one after the other, so that each block is read once; and each task once. */
static void sort_members(struct reader *r)
{
	size_t n = 0;

	if (!r->n_members)
		return;
	qsort(r->members, r->n_members, sizeof(*r->members), by_address);
	for (size_t i = 0; i < r->n_members; i++)
		if (!n || r->members[n - 1] != r->members[i])
			r->members[n++] = r->members[i];
	r->n_members = n;
}

static int read_set(struct reader *r, uint64_t set)
{
	size_t before = r->n_members;
	int code = py_set_each(r->t, set, 16 * MAX_TASKS, on_member, r);

	if (code != -EFAULT)
		return code;
	/* It grew, and its table moved, under our feet: once more. */
	r->n_members = before;
	return py_set_each(r->t, set, 16 * MAX_TASKS, on_member, r);
}

static int read_weak_set(struct reader *r)
{
	const char *name =
		r->t->proc.py.minor >= MINOR_WITH_EAGER_TASKS ? "_scheduled_tasks" : "_all_tasks";
	uint64_t weak_set, set;
	int code = py_module_attribute(r->t, "asyncio.tasks", name, &weak_set);

	if (!code)
		code = py_attribute(r->t, weak_set, "data", &set);
	if (!code)
		code = read_set(r, set);
	if (code)
		return code;
	sort_members(r);
	/* A reference to what is gone leads to None, which is no task. */
	for (size_t i = 0; i < r->n_members; i++)
		if (py_pages__read(r->pages, r->members[i] + r->t->proc.py.ob_head + WEAKREF_OBJECT, &r->members[i],
				   sizeof(*r->members)))
			r->members[i] = 0;
	return 0;
}

/*
 * The tasks of one list, which is circular. False if it changed under our eyes: its neighbours do not name each other. What was met is kept:
 * whether it is a task is looked at later, and twice is no harm.
 */
static int read_list(struct reader *r, uint64_t head, bool *ret_is_whole)
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
		code = on_member(r, node - r->t->proc.py.task_node);
		if (py_pages__read(r->pages, node, &links, sizeof(links)) || links.prev != from)
			return code;
	}
	return code;
}

static int read_list_again(struct reader *r, uint64_t head)
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

/* The interpreter's list has the tasks whose thread has ended, each thread's those that it made. */
static int read_lists(struct reader *r)
{
	const struct target *t = r->t;
	const struct ls_pyoffsets *py = &t->proc.py;
	uint64_t tstate;
	int code = read_list_again(r, t->interp + py->interp_tasks);

	if (!code)
		code = py_read_u64(t, t->interp + py->interp_threads_head, &tstate);
	for (int i = 0; !code && tstate && i < MAX_THREADS; i++) {
		code = read_list_again(r, tstate + py->tstate_tasks);
		if (!code)
			code = py_read_u64(t, tstate + py->tstate_next, &tstate);
	}
	/* A thread that just ended. */
	return code == -EFAULT ? 0 : code;
}

static int read_asyncio(struct reader *r)
{
	uint64_t eager;
	int code = read_weak_set(r);

	if (!code && r->t->proc.py.task_node != LS_PY_NONE)
		code = read_lists(r);

	if (!code && r->t->proc.py.minor >= MINOR_WITH_EAGER_TASKS &&
	    !py_module_attribute(r->t, "asyncio.tasks", "_eager_tasks", &eager))
		code = read_set(r, eager);
	return code;
}

/* The tasks of each thread's Runner. -ENOENT if there is none. */
static int read_trio(struct reader *r)
{
	const struct ls_pyoffsets *py = &r->t->proc.py;
	uint64_t tstate, runner, set;
	int code = py_read_u64(r->t, r->t->interp + py->interp_threads_head, &tstate), n_runners = 0;

	for (int i = 0; !code && tstate && i < MAX_THREADS; i++) {
		if (!py_trio__runner(r->t, &r->trio, tstate, &runner) && !py_attribute(r->t, runner, "tasks", &set)) {
			code = read_set(r, set);
			n_runners++;
		}
		if (!code)
			code = py_read_u64(r->t, tstate + py->tstate_next, &tstate);
	}
	if (code && code != -EFAULT)
		return code;
	return n_runners ? 0 : -ENOENT;
}

/* -ENOENT if the process has neither library, as far as can be seen. */
static int read_members(struct reader *r)
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

/* A task written in Python has no fields; while it is in the set it is taken to be alive. */
static void read_python_task(const struct target *t, uint64_t task, struct raw_task *raw)
{
	raw->is_python = true;
	raw->loop = attribute(t, task, "_loop");
	raw->coro = attribute(t, task, "_coro");
	raw->name = attribute(t, task, "_name");
	raw->fut_waiter = attribute(t, task, "_fut_waiter");
}

static bool is_trio_task(struct reader *r, uint64_t task)
{
	const struct py_type *type = r->has_trio ? py_types__of(&r->types, task) : NULL;

	return type && type->addr == r->trio.task_type;
}

/* Its Runner forgets a task that is done. */
static bool read_trio_task(struct reader *r, uint64_t task, struct raw_task *raw)
{
	uint64_t next_send;

	raw->is_python = true;
	raw->is_trio = true;
	if (py_pages__read(r->pages, task + r->trio.owner, &raw->loop, sizeof(raw->loop)) ||
	    py_pages__read(r->pages, task + r->trio.coro, &raw->coro, sizeof(raw->coro)) ||
	    py_pages__read(r->pages, task + r->trio.name, &raw->name, sizeof(raw->name)) ||
	    py_pages__read(r->pages, task + r->trio.parent_nursery, &raw->nursery, sizeof(raw->nursery)) ||
	    py_pages__read(r->pages, task + r->trio.next_send, &next_send, sizeof(next_send)))
		return false;
	raw->is_scheduled = next_send != r->t->none;
	return true;
}

/* False if it is none, or is done. */
static bool read_raw(struct reader *r, uint64_t task, struct raw_task *raw)
{
	const struct ls_pyoffsets *py = &r->t->proc.py;
	uint8_t object[TASK_BYTES_MAX];
	enum py_kind kind = py_types__kind(&r->types, task);

	*raw = (struct raw_task){ .task = task };
	if (is_trio_task(r, task))
		return read_trio_task(r, task, raw);
	if (kind == PY_PYTASK) {
		read_python_task(r->t, task, raw);
		return true;
	}
	if (kind != PY_TASK || py_pages__read(r->pages, task, object, py->task_bytes) ||
	    py_half(object, py->task_state) != FUTURE_PENDING)
		return false;
	raw->loop = py_word(object, py->task_loop);
	raw->coro = py_word(object, py->task_coro);
	raw->name = py_word(object, py->task_name);
	raw->fut_waiter = py_word(object, py->task_fut_waiter);
	return true;
}

/* All tasks that are not done, into r->alive. */
static int read_alive(struct reader *r)
{
	int code = read_members(r);

	if (code)
		return code;
	r->alive = calloc(r->n_members + 1, sizeof(*r->alive));
	if (!r->alive)
		return -ENOMEM;
	for (size_t i = 0; i < r->n_members; i++)
		if (read_raw(r, r->members[i], &r->alive[r->n_alive]))
			r->n_alive++;
	return py_pages__error(r->pages);
}

int target__count_tasks(const struct target *t)
{
	_cleanup_(reader__done) struct reader r = { 0 };
	int code = reader__init(&r, t);

	if (!code)
		code = read_alive(&r);
	return code ? code : (int)r.n_alive;
}

/* Is it a task written in Python that does? Asked of very many. */
static bool runs_coroutine(struct reader *r, uint64_t task, uint64_t coro)
{
	uint64_t own;

	if (is_trio_task(r, task))
		return !py_pages__read(r->pages, task + r->trio.coro, &own, sizeof(own)) && own == coro;
	return py_types__kind(&r->types, task) == PY_PYTASK && attribute(r->t, task, "_coro") == coro;
}

int target__python_task(const struct target *t, uint64_t coro, uint64_t *ret_task, struct ls_pystr *ret_name)
{
	_cleanup_(reader__done) struct reader r = { 0 };
	int code = reader__init(&r, t);

	*ret_task = 0;
	*ret_name = (struct ls_pystr){ .kind = 0xff };
	if (!code)
		code = read_members(&r);
	for (size_t i = 0; !code && i < r.n_members; i++) {
		struct raw_task raw;

		if (!runs_coroutine(&r, r.members[i], coro) || !read_raw(&r, r.members[i], &raw))
			continue;
		*ret_task = raw.task;
		py_name__copy(&r.types, raw.name, ret_name);
		break;
	}
	return code;
}

static void read_state(struct reader *r, const struct raw_task *raw, bool is_running,
		       struct target_task *task)
{
	uint32_t state = FUTURE_PENDING;
	const struct py_type *type = py_types__of(&r->types, raw->fut_waiter);

	task->state = TARGET_TASK_RUNNING;
	if (is_running)
		return;
	task->state = TARGET_TASK_READY;
	if (raw->is_trio) {
		if (!raw->is_scheduled)
			task->state = TARGET_TASK_WAITING;
		return;
	}
	/* A task written in Python has None there. */
	if (!type || !strcmp(type->name, "NoneType"))
		return;
	if ((type->kind == PY_FUTURE || type->kind == PY_TASK) &&
	    !py_pages__read(r->pages, raw->fut_waiter + r->t->proc.py.task_state, &state,
			    sizeof(state)) &&
	    state != FUTURE_PENDING)
		return;
	task->state = TARGET_TASK_WAITING;
	memcpy(task->waits_for, type->name, sizeof(task->waits_for));
}

/* Where all waits of trio's tasks end is not where they wait. */
static void drop_traps(const struct reader *r, struct target_task *task)
{
	size_t n = 0;

	while (n + 1 < task->n_frames && py_trio__is_trap(&r->trio, task->frames[n].code))
		n++;
	task->n_frames -= n;
	memmove(task->frames, task->frames + n, task->n_frames * sizeof(*task->frames));
}

static uint64_t counted_as(const struct raw_task *raw)
{
	return raw->is_python ? raw->coro : raw->task;
}

static void read_task(struct reader *r, const struct raw_task *raw, struct target_task *task)
{
	bool is_running;

	memset(task, 0, sizeof(*task));
	task->task = raw->task;
	task->loop = raw->loop;
	task->counted_as = counted_as(raw);
	is_running = py_awaits__read(&r->types, raw->coro, task);
	if (is_running && r->walks_left) {
		r->walks_left--;
		py_awaits__read_running(r->t, raw->coro, task);
	}
	py_name__read(&r->types, raw->name, task->name, sizeof(task->name));
	read_state(r, raw, is_running, task);
	if (!raw->is_trio) {
		task->awaited_by = py_waiters__of(&r->waiters, raw->task);
		return;
	}
	task->awaited_by = py_trio__parent(r->t, &r->trio, raw->nursery);
	drop_traps(r, task);
}

/*
 * Takes out the tasks that ended meanwhile and returns how many are left. What a task holds lives as long as
 * the task does, so the names and coroutines of those left are right.
 */
static size_t drop_ended(struct reader *r, struct target_task *tasks, size_t n)
{
	size_t left = 0;

	py_pages__forget(r->pages);
	for (size_t i = 0; i < n; i++) {
		struct raw_task raw;

		if (read_raw(r, r->alive[i].task, &raw) && raw.coro == r->alive[i].coro &&
		    raw.name == r->alive[i].name)
			tasks[left++] = tasks[i];
	}
	return left;
}

static int reserve(struct target_task **tasks, size_t *size, size_t n)
{
	struct target_task *grown;

	if (n <= *size)
		return 0;
	grown = realloc(*tasks, n * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*tasks = grown;
	*size = n;
	return 0;
}

struct weighed_task {
	uint64_t weight;
	struct raw_task raw;
};

static int by_weight(const void *a, const void *b)
{
	const struct weighed_task *left = a, *right = b;

	if (left->weight != right->weight)
		return left->weight > right->weight ? -1 : 1;
	return by_address(&left->raw.task, &right->raw.task);
}

/* The first are those of the highest weight. */
static int sort_alive(struct reader *r, const struct target_task_choice *choice)
{
	_cleanup_free_ struct weighed_task *weighed = calloc(r->n_alive + 1, sizeof(*weighed));

	if (!weighed)
		return -ENOMEM;
	for (size_t i = 0; i < r->n_alive; i++)
		weighed[i] = (struct weighed_task){ choice->weight(choice->ctx, counted_as(&r->alive[i])), r->alive[i] };
	qsort(weighed, r->n_alive, sizeof(*weighed), by_weight);
	for (size_t i = 0; i < r->n_alive; i++)
		r->alive[i] = weighed[i].raw;
	return 0;
}

int target__tasks(const struct target *t, size_t max, const struct target_task_choice *choice, struct target_task **tasks, size_t *size,
		  size_t *ret_total)
{
	_cleanup_(reader__done) struct reader r = { 0 };
	int code = reader__init(&r, t);
	size_t n;

	*ret_total = 0;
	if (!code)
		code = read_alive(&r);
	if (!code)
		code = py_waiters__reserve(&r.waiters, r.n_alive);
	for (size_t i = 0; !code && i < r.n_alive; i++)
		code = py_waiters__add(&r.waiters, r.alive[i].task, r.alive[i].fut_waiter);
	if (!code && r.has_trio)
		py_trio__find_traps(t, &r.trio);
	n = r.n_alive < max ? r.n_alive : max;
	if (!code && n < r.n_alive)
		code = sort_alive(&r, choice);
	if (!code)
		code = reserve(tasks, size, n);
	for (size_t i = 0; !code && i < n; i++)
		read_task(&r, &r.alive[i], &(*tasks)[i]);
	if (!code) {
		*ret_total = r.n_alive - n;
		n = drop_ended(&r, *tasks, n);
		*ret_total += n;
		code = py_pages__error(r.pages);
	}
	if (code)
		*ret_total = 0;
	return code ? code : (int)n;
}
