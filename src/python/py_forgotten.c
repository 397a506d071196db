/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * References are counted: if all that there are to a future, or to its owner, are those of the
 * waiting tasks themselves, nobody is left that could set it. A task inside a timeout goes on by
 * itself, and so may all that wait for the same thing. The main task of a loop may wait for ever on
 * purpose, until a signal ends the program. Who is left with weak references may still reach it.
 *
 * Sources: cpython Modules/_asynciomodule.c (futureiterobject), Lib/asyncio/locks.py, queues.py
 * (`_waiters`, `_getters`, `_putters`: each future is in one of these), base_events.py
 * (run_until_complete).
 */
#include "python/py_forgotten_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "python/py_awaits.h"
#include "python/py_deadlock.h"
#include "python/py_memory.h"
#include "python/py_names.h"
#include "python/python.h"

#define WEAKLIST_BEFORE_BASE 48 /* tp_weaklistoffset, from tp_base */
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
	py_timeouts__free(f->timeouts);
	addr_map__done(&f->roles);
	addr_map__done(&f->attributes);
	free(f->waits);
}

uint64_t py_forgotten__word(struct finder *f, uint64_t addr)
{
	uint64_t value;

	return py_pages__read(f->r->pages, addr, &value, sizeof(value)) ? 0 : value;
}

uint32_t py_forgotten__references(struct finder *f, uint64_t object)
{
	return (uint32_t)py_forgotten__word(f, object);
}

/* Where an object has the list of its weak references is in its type, from 3.12 on in front of it.
 */
bool py_forgotten__is_weakly_known(struct finder *f, uint64_t object)
{
	const struct ls_pyoffsets *py = &f->r->t->proc.py.at;
	const uint64_t type = py_forgotten__word(f, object + py->ob_type);
	const uint64_t offset = py_forgotten__word(f, type + py->tp_base - WEAKLIST_BEFORE_BASE);

	return offset && py_forgotten__word(f, object + offset);
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

void py_forgotten__count(struct finder *f, const struct py_await_link *link, uint64_t object,
			 size_t *n)
{
	struct counting c = { .f = f, .object = object };

	on_link_with_managers(&c, link);
	*n += c.n;
}

int py_forgotten__add(struct finder *f, const struct wait *wait)
{
	if (ARRAY_RESERVE(f->waits, f->size, f->n + 1))
		return -ENOMEM;
	f->waits[f->n++] = *wait;
	return 0;
}

/* The object that passes the await on: it refers to the future as well. */
static bool is_future_iterator(struct finder *f, uint64_t object, uint64_t future)
{
	const struct py_type *type = py_types__of(&f->r->types, object);

	return type && !strcmp(type->name, "FutureIter") &&
		py_forgotten__word(f, object + f->r->t->proc.py.at.ob_head) == future;
}

/* Free-threaded builds count references in two places, at moments of their own. */
static bool waits_for_future(struct finder *f, const struct py_raw_task *raw)
{
	const struct ls_pyoffsets *py = &f->r->t->proc.py.at;
	const struct py_type *type = py_types__of(&f->r->types, raw->fut_waiter);

	return !raw->is_python && py->ob_type == sizeof(uint64_t) && type &&
		type->kind == PY_FUTURE && !strcmp(type->name, "Future") &&
		(uint32_t)py_forgotten__word(f, raw->fut_waiter + py->task_state) ==
		PY_FUTURE_PENDING;
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

	if (raw->is_trio)
		return py_forgotten__look_at_trio(f, i);
	if (!waits_for_future(f, raw))
		return 0;
	py_awaits__each(&f->r->types, raw->coro, on_link, &c);
	if (!c.last.top ||
	    !is_future_iterator(f, py_forgotten__word(f, c.last.top) & ~tags, raw->fut_waiter))
		return 0;
	n = py_forgotten__references(f, raw->fut_waiter) - c.n;
	if (n == OWN_REFERENCES + 1)
		wait.owner = owner_of(f, &c.last);
	if (n != OWN_REFERENCES && !wait.owner)
		return 0;
	wait.object = wait.owner;
	return py_forgotten__add(f, &wait);
}

/* Those that wait for one thing are one behind the other, futures in front. */
static int by_owner(const void *a, const void *b)
{
	const struct wait *x = a, *y = b;

	return x->owner < y->owner ? -1 : x->owner > y->owner;
}

/* Of asyncio: the callback that ends run_until_complete(); that of uvloop is a function of Cython.
 */
static bool is_main(struct finder *f, const struct py_raw_task *raw)
{
	const struct py_type *type = py_types__of(&f->r->types, raw->callbacks.first);

	if (raw->is_trio)
		return py_forgotten__is_main_of_trio(f, raw);
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
		py_timeouts__has(f->timeouts, raw);
}

/* Whether all references to what these tasks wait for are their own. */
static bool is_left(struct finder *f, const struct wait *waiting, size_t n)
{
	struct counting c = { .f = f, .object = waiting->owner };

	if (!waiting->owner)
		return !py_forgotten__is_weakly_known(f, f->r->alive[waiting->task].fut_waiter);
	for (size_t i = 0; i < n; i++)
		py_awaits__each(&f->r->types, f->r->alive[waiting[i].task].coro,
				on_link_with_managers, &c);
	return c.n == py_forgotten__references(f, waiting->owner) &&
		!py_forgotten__is_weakly_known(f, waiting->owner);
}

static bool is_forgotten(struct finder *f, const struct wait *waiting, size_t n)
{
	if (n > MAX_TASKS_OF_OWNER)
		return false;
	if (waiting->is_trio ? !py_forgotten__is_left_by_trio(f, waiting, n) :
			       !is_left(f, waiting, n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (may_time_out(f, &f->r->alive[waiting[i].task]))
			return false;
	return true;
}

/* How many wait for the same as the first one. */
static size_t count_sharers(const struct finder *f, size_t first)
{
	size_t end = first + 1;

	while (f->waits[first].owner && end < f->n && f->waits[end].owner == f->waits[first].owner)
		end++;
	return end - first;
}

/* Leaves those that nobody can end. Returns whether some of them have to be looked at again. */
static bool keep_forgotten(struct finder *f)
{
	size_t n_kept = 0;
	bool has_trio = false;

	for (size_t i = 0, n; i < f->n; i += n) {
		n = count_sharers(f, i);
		if (!is_forgotten(f, &f->waits[i], n))
			continue;
		has_trio = has_trio || f->waits[i].is_trio;
		memmove(&f->waits[n_kept], &f->waits[i], n * sizeof(*f->waits));
		n_kept += n;
	}
	f->n = n_kept;
	return has_trio;
}

static void read_from(struct py_task_reader *r, struct py_pages *pages)
{
	r->pages = pages;
	r->types.pages = pages;
}

/* Tasks of trio go on at any time, and what was read of them is of several moments. */
static int keep_those_still_in_trio(struct finder *f)
{
	struct py_pages *before = f->r->pages, *fresh;
	size_t n_kept = 0;
	int code = py_pages__new(&fresh, f->r->t);

	if (code)
		return code;
	read_from(f->r, fresh);
	for (size_t i = 0, n; i < f->n; i += n) {
		n = count_sharers(f, i);
		if (f->waits[i].is_trio && !py_forgotten__is_still_in_trio(f, &f->waits[i], n))
			continue;
		memmove(&f->waits[n_kept], &f->waits[i], n * sizeof(*f->waits));
		n_kept += n;
	}
	f->n = n_kept;
	read_from(f->r, before);
	py_pages__free(fresh);
	return 0;
}

int py_forgotten__find(struct py_task_reader *r, size_t n, py_forgotten_fn *fn, void *ctx)
{
	_cleanup_(finder__done) struct finder f = { .r = r, .values.types = &r->types };
	int code = py_timeouts__new(&f.timeouts, r);

	for (size_t i = 0; !code && i < n; i++)
		code = look_at_task(&f, i);
	if (!code)
		code = f.error;
	if (code)
		return code;
	array__sort(f.waits, f.n, sizeof(*f.waits), by_owner);
	if (keep_forgotten(&f))
		code = keep_those_still_in_trio(&f);
	for (size_t i = 0; !code && i < f.n; i++)
		if (!is_main(&f, &r->alive[f.waits[i].task]))
			code = fn(ctx, f.waits[i].task, f.waits[i].object);
	return code;
}
