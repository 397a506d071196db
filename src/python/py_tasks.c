/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All tasks of a process, with their names, states and await chains, and single ones by what is
 * known of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "python/py_awaits.h"
#include "python/py_memory.h"
#include "python/py_names.h"
#include "python/py_task_reader.h"
#include "python/python.h"

#define MAX_RUNNING_WALKS 64
#define NAME_BYTES 128

int py_count_tasks(const struct target *t)
{
	_cleanup_(py_task_reader__done) struct py_task_reader r = { 0 };
	int code = py_task_reader__init(&r, t);

	if (!code)
		code = py_task_reader__read_alive(&r);
	return code ? code : (int)r.n_alive;
}

int py_task_of_coroutine(const struct target *t, uint64_t coro, uint64_t *ret_task,
			 struct ls_pystr *ret_name)
{
	_cleanup_(py_task_reader__done) struct py_task_reader r = { 0 };
	int code = py_task_reader__init(&r, t);

	*ret_task = 0;
	*ret_name = (struct ls_pystr){ .kind = LS_NO_NAME };
	if (!code)
		code = py_task_reader__list(&r);
	for (size_t i = 0; !code && i < r.n_members; i++) {
		struct py_raw_task raw;

		if (!py_task_reader__runs(&r, r.members[i], coro) ||
		    !py_task_reader__read(&r, r.members[i], &raw))
			continue;
		*ret_task = raw.task;
		py_name__copy(&r.types, raw.name, ret_name);
		break;
	}
	return code;
}

static uint64_t counted_as(const struct py_raw_task *raw)
{
	return raw->is_python ? raw->coro : raw->task;
}

/* The frame of the task's own coroutine among the first `n`; `n` if it is not there. */
static size_t frame_of(const struct target_stack *stack, size_t n, uint64_t coro)
{
	size_t i = 0;

	while (i < n && (!coro || stack->frames[i].coro != coro))
		i++;
	return i;
}

int py_step_of_stack(const struct target *t, const struct target_stack *stack,
		     struct target_step *ret_step)
{
	_cleanup_(py_task_reader__done) struct py_task_reader r = { 0 };
	const struct py_raw_task *raw = NULL;
	struct py_awaits awaits;
	size_t frame = stack->n_frames;
	int code = py_task_reader__init(&r, t);

	if (!code)
		code = py_task_reader__read_alive(&r);
	if (code)
		return code;
	for (size_t i = 0; i < r.n_alive; i++) {
		const size_t found = frame_of(stack, frame, r.alive[i].coro);

		if (found < frame)
			raw = &r.alive[i];
		frame = found;
	}
	if (!raw)
		return -ENOENT;
	py_awaits__read(&r.types, raw->coro, &awaits);
	*ret_step = (struct target_step){
		.frame = frame,
		.task = raw->task,
		.coro = raw->coro,
		.counted_as = counted_as(raw),
		.qualname = awaits.qualname,
	};
	py_name__copy(&r.types, raw->name, &ret_step->name);
	return 0;
}

int py_task_name(const struct target *t, uint64_t task, uint64_t coro, struct ls_pystr *ret_name)
{
	_cleanup_(py_task_reader__done) struct py_task_reader r = { 0 };
	struct py_raw_task raw;
	int code = py_task_reader__init(&r, t);

	if (code)
		return code;
	if (!py_task_reader__read(&r, task, &raw) || raw.coro != coro)
		return -ESRCH;
	py_name__copy(&r.types, raw.name, ret_name);
	return 0;
}

/* Sets waits_for to what is valid until the next type is asked for. */
static void read_state(struct py_task_reader *r, const struct py_raw_task *raw, bool is_running,
		       struct target_task *task)
{
	uint32_t state = PY_FUTURE_PENDING;
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
	    !py_pages__read(r->pages, raw->fut_waiter + r->t->proc.py.at.task_state, &state,
			    sizeof(state)) &&
	    state != PY_FUTURE_PENDING)
		return;
	task->state = TARGET_TASK_WAITING;
	task->waits_for = type->name;
}

/* Where all waits of trio's tasks end is not where they wait. */
static void drop_traps(const struct py_task_reader *r, struct target_task *task)
{
	const size_t n = py_trio__count_traps(&r->trio, task->frames, task->n_frames);

	task->n_frames -= n;
	task->frames += n;
}

static uint64_t awaited_by(struct py_task_reader *r, const struct py_raw_task *raw)
{
	return raw->is_trio ? py_trio__parent(r->t, &r->trio, raw->nursery) :
			      py_waiters__of(&r->waiters, raw->task, &raw->callbacks);
}

/* Each of `walks_left` reads the stacks of all threads. 0 or -ENOMEM. */
static int read_task(struct py_task_reader *r, const struct py_raw_task *raw, size_t *walks_left,
		     struct target_tasks *tasks)
{
	struct py_awaits awaits;
	const bool is_running = py_awaits__read(&r->types, raw->coro, &awaits);
	char name[NAME_BYTES] = "";
	struct target_task task = {
		.task = raw->task,
		.loop = raw->loop,
		.coro = raw->coro,
		.counted_as = counted_as(raw),
		.code = awaits.code,
		.qualname = awaits.qualname,
		.awaited_by = awaited_by(r, raw),
		.name = name,
		.waits_for = "",
	};

	if (is_running && *walks_left) {
		(*walks_left)--;
		py_awaits__read_running(r->t, raw->coro, &awaits);
	}
	task.frames = awaits.frames;
	task.n_frames = awaits.n_frames;
	task.is_cut = awaits.is_cut;
	py_name__read(&r->types, raw->name, name, sizeof(name));
	read_state(r, raw, is_running, &task);
	if (raw->is_trio)
		drop_traps(r, &task);
	return target_tasks__add(tasks, &task);
}

/*
 * Takes out the tasks that ended meanwhile. What a task holds lives as long as the task does, so
 * the names and coroutines of those left are right.
 */
static void drop_ended(struct py_task_reader *r, struct target_tasks *tasks)
{
	size_t left = 0;

	py_pages__forget(r->pages);
	for (size_t i = 0; i < tasks->n; i++) {
		struct py_raw_task raw;

		if (py_task_reader__read(r, r->alive[i].task, &raw) &&
		    raw.coro == r->alive[i].coro && raw.name == r->alive[i].name)
			tasks->list[left++] = tasks->list[i];
	}
	tasks->n = left;
}

struct weighed_task {
	uint64_t weight;
	const struct py_raw_task *raw; /* they are in the order of their addresses */
};

static int by_weight(const void *a, const void *b)
{
	const struct weighed_task *left = a, *right = b;

	if (left->weight != right->weight)
		return left->weight > right->weight ? -1 : 1;
	return left->raw < right->raw ? -1 : left->raw > right->raw;
}

/* The first are those of the highest weight. */
static int sort_alive(struct py_task_reader *r, const struct target_task_choice *choice)
{
	_cleanup_free_ struct weighed_task *weighed = calloc(r->n_alive + 1, sizeof(*weighed));
	bool is_sorted = true;
	struct py_raw_task *sorted;

	if (!weighed)
		return -ENOMEM;
	for (size_t i = 0; i < r->n_alive; i++) {
		weighed[i] = (struct weighed_task){
			choice->weight(choice->ctx, counted_as(&r->alive[i])), &r->alive[i]
		};
		is_sorted &= !i || by_weight(&weighed[i - 1], &weighed[i]) <= 0;
	}
	if (is_sorted)
		return 0;
	sorted = calloc(r->n_alive + 1, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	qsort(weighed, r->n_alive, sizeof(*weighed), by_weight);
	for (size_t i = 0; i < r->n_alive; i++)
		sorted[i] = *weighed[i].raw;
	free(r->alive);
	r->alive = sorted;
	return 0;
}

int py_tasks(const struct target *t, size_t max, const struct target_task_choice *choice,
	     struct target_tasks *tasks)
{
	_cleanup_(py_task_reader__done) struct py_task_reader r = { 0 };
	int code = py_task_reader__init(&r, t);
	size_t n, walks_left = MAX_RUNNING_WALKS;

	if (!code)
		code = py_task_reader__read_alive(&r);
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
		code = target_tasks__begin(tasks, n);
	for (size_t i = 0; !code && i < n; i++)
		code = read_task(&r, &r.alive[i], &walks_left, tasks);
	if (!code) {
		drop_ended(&r, tasks);
		code = py_pages__error(r.pages);
	}
	tasks->total = code ? 0 : r.n_alive - n + tasks->n;
	return code ? code : (int)tasks->n;
}
