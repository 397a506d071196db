/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * References are counted: if all that there are to a future, or to its owner, are those of the
 * waiting tasks themselves, nobody is left that could set it. A task inside a timeout goes on by
 * itself, and so may all that wait for the same thing. The main task of a loop may wait for ever on
 * purpose, until a signal ends the program.
 *
 * Sources: cpython Modules/_asynciomodule.c (futureiterobject), Lib/asyncio/locks.py, queues.py
 * (`_waiters`, `_getters`, `_putters`: each future is in one of these), base_events.py
 * (run_until_complete).
 */
#include "python/py_forgotten.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "python/py_awaits.h"
#include "python/py_deadlock.h"
#include "python/py_memory.h"
#include "python/py_names.h"
#include "python/py_values.h"
#include "python/python.h"

#define MINOR_WITH_ONE_TASK 12 /* wait_for() makes no task of its own any more */
/* References to a future: its iterator's, the task's, and the owner's if it has one. */
#define OWN_REFERENCES 2
/*
 * Of each task that waits for an owner the whole stack is read again; those behind an owner with
 * more of them are left out.
 */
#define MAX_TASKS_OF_OWNER 256

/* Functions that wait with a future which their `self` keeps. */
static const struct {
	const char *function, *file;
} waits[] = {
	{ "wait", "asyncio/locks.py" }, /* Event, Condition */
	{ "acquire", "asyncio/locks.py" }, /* Semaphore */
	{ "get", "asyncio/queues.py" },
	{ "put", "asyncio/queues.py" },
};

/* A task that perhaps waits so. */
struct wait {
	size_t task;
	uint64_t owner; /* 0: none */
};

struct finder {
	struct py_task_reader *r;
	struct py_values values;
	size_t n, size;
	struct wait *waits;
};

/* Context of on_link(). */
struct counting {
	struct finder *f;
	uint64_t object;
	size_t n;
	struct py_await_link last;
};

static void finder__done(struct finder *f)
{
	py_values__done(&f->values);
	free(f->waits);
}

static uint64_t word_at(struct finder *f, uint64_t addr)
{
	uint64_t value;

	return py_pages__read(f->r->pages, addr, &value, sizeof(value)) ? 0 : value;
}

static void on_manager(void *ctx, uint64_t manager)
{
	struct counting *c = ctx;

	c->n += manager == c->object;
}

static void on_link(void *ctx, const struct py_await_link *link)
{
	struct counting *c = ctx;

	c->last = *link;
	c->n += py_values__references(&c->f->r->types, link, c->object);
}

/* A bound method on the stack refers to the manager; from 3.14 on the stack itself does. */
static void on_link_with_managers(void *ctx, const struct py_await_link *link)
{
	struct counting *c = ctx;

	on_link(c, link);
	if (c->f->r->t->proc.py.at.minor < PY_MINOR_WITH_PAIRS)
		py_values__managers(&c->f->values, link, on_manager, c);
}

/* The object that passes the await on: it refers to the future as well. */
static bool is_future_iterator(struct finder *f, uint64_t object, uint64_t future)
{
	const struct py_type *type = py_types__of(&f->r->types, object);

	return type && !strcmp(type->name, "FutureIter") &&
		word_at(f, object + f->r->t->proc.py.at.ob_head) == future;
}

/* Free-threaded builds count references in two places, at moments of their own. */
static bool waits_for_future(struct finder *f, const struct py_raw_task *raw)
{
	const struct ls_pyoffsets *py = &f->r->t->proc.py.at;
	const struct py_type *type = py_types__of(&f->r->types, raw->fut_waiter);

	return !raw->is_trio && !raw->is_python && py->ob_type == sizeof(uint64_t) && type &&
		type->kind == PY_FUTURE && !strcmp(type->name, "Future") &&
		(uint32_t)word_at(f, raw->fut_waiter + py->task_state) == PY_FUTURE_PENDING;
}

/* A Lock is left to py_deadlock.c, which knows its holder. */
static uint64_t owner_of(struct finder *f, const struct py_await_link *link)
{
	const uint64_t self = py_values__local(&f->values, link, PY_SELF);
	const struct py_type *type = py_types__of(&f->r->types, self);

	if (!type || !strcmp(type->name, "Lock"))
		return 0;
	for (size_t i = 0; i < N_OF(waits); i++)
		if (py_name__is_code(&f->r->types, link->frame.code, waits[i].function,
				     waits[i].file))
			return self;
	return 0;
}

static int look_at_task(struct finder *f, size_t i)
{
	const struct py_raw_task *raw = &f->r->alive[i];
	const uint64_t tags = f->r->t->proc.py.at.tag_mask;
	struct wait wait = { .task = i };
	struct counting c = { .f = f, .object = raw->fut_waiter };
	size_t n;

	if (!waits_for_future(f, raw))
		return 0;
	py_awaits__each(&f->r->types, raw->coro, on_link, &c);
	if (!c.last.top || !is_future_iterator(f, word_at(f, c.last.top) & ~tags, raw->fut_waiter))
		return 0;
	n = (uint32_t)word_at(f, raw->fut_waiter) - c.n;
	if (n == OWN_REFERENCES + 1)
		wait.owner = owner_of(f, &c.last);
	if (n != OWN_REFERENCES && !wait.owner)
		return 0;
	if (ARRAY_RESERVE(f->waits, f->size, f->n + 1))
		return -ENOMEM;
	f->waits[f->n++] = wait;
	return 0;
}

/* Those that wait for one thing are one behind the other, futures in front. */
static int by_owner(const void *a, const void *b)
{
	const struct wait *x = a, *y = b;

	return x->owner < y->owner ? -1 : x->owner > y->owner;
}

/* The callback that ends run_until_complete(); that of uvloop is a function of Cython. */
static bool is_main(struct finder *f, const struct py_raw_task *raw)
{
	const struct py_type *type = py_types__of(&f->r->types, raw->callbacks.first);

	if (type && !strcmp(type->name, "cython_function_or_method"))
		return true;
	return py_values__is_function(&f->r->types, raw->callbacks.first, "_run_until_complete_cb");
}

/* wait_for() of older versions waits for a task that it has made, with a callback of its own. */
static bool may_time_out(struct finder *f, const struct py_raw_task *raw)
{
	const struct py_type *type = py_types__of(&f->r->types, raw->callbacks.first);
	const bool is_wanted = raw->callbacks.list || (type && !strcmp(type->name, "partial"));

	return (is_wanted && f->r->t->proc.py.at.minor < MINOR_WITH_ONE_TASK) ||
		py_deadlock__has_timeout(f->r, raw->coro);
}

static bool is_forgotten(struct finder *f, const struct wait *waiting, size_t n)
{
	struct counting c = { .f = f, .object = waiting->owner };

	if (n > MAX_TASKS_OF_OWNER)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct py_raw_task *raw = &f->r->alive[waiting[i].task];

		if (may_time_out(f, raw))
			return false;
		if (waiting->owner)
			py_awaits__each(&f->r->types, raw->coro, on_link_with_managers, &c);
	}
	return !waiting->owner || c.n == (uint32_t)word_at(f, waiting->owner);
}

static int tell(struct finder *f, const struct wait *waiting, size_t n, py_forgotten_fn *fn,
		void *ctx)
{
	int code = 0;

	if (!is_forgotten(f, waiting, n))
		return 0;
	for (size_t i = 0; !code && i < n; i++)
		if (!is_main(f, &f->r->alive[waiting[i].task]))
			code = fn(ctx, waiting[i].task, waiting[i].owner);
	return code;
}

int py_forgotten__find(struct py_task_reader *r, size_t n, py_forgotten_fn *fn, void *ctx)
{
	_cleanup_(finder__done) struct finder f = { .r = r, .values.types = &r->types };
	int code = 0;

	for (size_t i = 0; !code && i < n; i++)
		code = look_at_task(&f, i);
	array__sort(f.waits, f.n, sizeof(*f.waits), by_owner);
	for (size_t i = 0, end; !code && i < f.n; i = end) {
		end = i + 1;
		while (f.waits[i].owner && end < f.n && f.waits[end].owner == f.waits[i].owner)
			end++;
		code = tell(&f, &f.waits[i], end - i, fn, ctx);
	}
	return code;
}
