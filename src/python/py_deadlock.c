/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For what a task of asyncio waits is known if it awaits a task, a gather(), wait() without a
 * timeout, the end of a TaskGroup, or an asyncio.Lock which a task holds in an `async with`. A task
 * for which it is not known may go on, and so may every task that waits, besides others, for one
 * that may. Those left over are stuck. Of trio's it is known at the end of a nursery, and of a
 * Lock, which keeps its owner; a task is inside the scopes of those that opened its nursery. Each
 * error is on that side: a task inside a timeout, a lock without a holder that can be seen, a
 * future that is no task.
 *
 * Sources: cpython Lib/asyncio/locks.py (Lock), tasks.py (gather, _wait), taskgroups.py
 * (TaskGroup.__aexit__, _aexit), timeouts.py; trio/_sync.py (Lock), trio/_core/_run.py (Nursery),
 * trio/_core/_parking_lot.py of 0.22 and 0.34; anyio src/anyio/_backends/_asyncio.py (CancelScope);
 * Lib/contextlib.py.
 */
#include "python/py_deadlock_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "python/py_awaits.h"
#include "python/py_memory.h"
#include "python/py_roles.h"
#include "python/python.h"

#define MAX_MANAGERS 32 /* of one task */
#define MAX_NESTED 4 /* managers made of generators, one inside the other */
#define MAX_PARENTS 64 /* of a task of trio */
#define MAX_CHILDREN 1024 /* for which one task waits */
#define MAX_SLOW_READS 500 /* containers that are read in one look */

/* What a frame of asyncio says about its task. */
enum role {
	ROLE_NONE,
	ROLE_LOCK, /* Lock.acquire() */
	ROLE_ENTER, /* its __aenter__() */
	ROLE_WAIT,
	ROLE_GROUP,
	ROLE_TIMEOUT, /* wait_for() */
	ROLE_INNER, /* waits on behalf of its caller */
	ROLE_OWNED, /* trio's Lock.acquire() */
	ROLE_NURSERY,
};

static const struct py_role roles[] = {
	{ ROLE_LOCK, "acquire", "asyncio/locks.py" },
	{ ROLE_ENTER, "__aenter__", "asyncio/locks.py" },
	{ ROLE_WAIT, "_wait", "asyncio/tasks.py" },
	{ ROLE_TIMEOUT, "wait_for", "asyncio/tasks.py" },
	{ ROLE_GROUP, "__aexit__", "asyncio/taskgroups.py" },
	{ ROLE_GROUP, "_aexit", "asyncio/taskgroups.py" },
	{ ROLE_INNER, "park", "trio/_core/_parking_lot.py" },
	{ ROLE_INNER, "wait_task_rescheduled", "trio/_core/_traps.py" },
	{ ROLE_INNER, "_async_yield", "trio/_core/_traps.py" },
	{ ROLE_INNER, "_real_async_yield", "trio/_core/_traps.py" },
	{ ROLE_OWNED, "acquire", "trio/_sync.py" },
	{ ROLE_NURSERY, "_nested_child_finished", "trio/_core/_run.py" },
};

/* Managers that end what is in them after some time, by the name of their type. */
static const char *const timeout_types[] = { "Timeout", "timeout", "CancelScope" };

/* The way a task waits: what its await chain goes through. */
struct chain {
	struct finder *f;
	enum role role; /* of the innermost frame */
	struct py_await_link link;
	bool has_timeout;
	size_t n_managers;
	uint64_t managers[MAX_MANAGERS];
};

static void finder__done(struct finder *f)
{
	free(f->nodes);
	free(f->edges);
	addr_map__done(&f->tasks);
	addr_map__done(&f->holders);
	addr_map__done(&f->roles);
	py_values__done(&f->values);
}

static enum role role_of(struct finder *f, uint64_t code)
{
	const int role = py_role__of(roles, N_OF(roles), &f->r->types, &f->roles, code);

	if (role < 0)
		f->error = role;
	return role < 0 ? ROLE_NONE : (enum role)role;
}

static void add_edge(struct finder *f, size_t from, uint64_t to_number)
{
	if (ARRAY_RESERVE(f->edges, f->size, f->n_edges + 1)) {
		f->error = -ENOMEM;
		return;
	}
	f->edges[f->n_edges++] = (struct edge){ (uint32_t)from, (uint32_t)(to_number - 1) };
}

/* --- for what a task waits */

/* Also if that cannot be read. */
static bool is_pending(const struct finder *f, uint64_t future)
{
	uint32_t state;

	return py_pages__read(f->r->pages, future + f->r->t->proc.py.at.task_state, &state,
			      sizeof(state)) ||
		state == PY_FUTURE_PENDING;
}

/* Context of on_child(). */
struct children {
	struct finder *f;
	size_t of, n, n_left;
};

/* One that is done is not waited for any more. Not 0: nothing is known of it. */
static int on_child(void *ctx, uint64_t child)
{
	struct children *c = ctx;
	struct finder *f = c->f;
	const enum py_kind kind = py_types__kind(&f->r->types, child);
	uint64_t number;

	if (++c->n > MAX_CHILDREN)
		return -E2BIG;
	if (addr_map__get(&f->tasks, child, &number)) {
		c->n_left++;
		add_edge(f, c->of, number);
		return f->error;
	}
	return (kind != PY_TASK && kind != PY_FUTURE) || is_pending(f, child) ? -ENOENT : 0;
}

static bool waits_for_all(const struct children *c, int code)
{
	return !code && c->n_left;
}

static bool add_gathered(struct finder *f, size_t i, uint64_t future)
{
	const struct ls_pyoffsets *py = &f->r->t->proc.py.at;
	struct children c = { .f = f, .of = i };
	uint64_t list, n, items, child;
	int code = ++f->slow_reads > MAX_SLOW_READS ? -E2BIG : 0;

	if (!code)
		code = py_attribute(f->r->t, future, "_children", &list);
	if (!code && py_types__kind(&f->r->types, list) != PY_LIST)
		code = -ENOENT;
	if (!code)
		code = py_pages__read(f->r->pages, list + py->ob_size, &n, sizeof(n));
	if (!code)
		code = py_pages__read(f->r->pages, list + py->list_items, &items, sizeof(items));
	for (uint64_t k = 0; !code && k < n; k++) {
		code = py_pages__read(f->r->pages, items + 8 * k, &child, sizeof(child));
		if (!code)
			code = on_child(&c, child);
	}
	return waits_for_all(&c, code);
}

static bool add_set(struct finder *f, size_t i, uint64_t set)
{
	struct children c = { .f = f, .of = i };

	if (!set || ++f->slow_reads > MAX_SLOW_READS)
		return false;
	return waits_for_all(&c, py_set_each(f->r->t, set, 16 * MAX_CHILDREN, on_child, &c));
}

static bool is_none(const struct finder *f, uint64_t object)
{
	return object == f->r->t->proc.py.none;
}

/* What the innermost frame waits for, where asyncio itself waits with a future. */
static bool add_by_frame(struct finder *f, size_t i, const struct chain *c)
{
	struct py_types *types = &f->r->types;
	const uint64_t self = py_values__local(&f->values, &c->link, PY_SELF);
	const struct py_type *type;
	uint64_t set;

	switch (c->role) {
	case ROLE_LOCK:
		type = py_types__of(types, self);
		if (!type || strcmp(type->name, "Lock") != 0)
			return false;
		f->nodes[i].lock = self;
		return true;
	case ROLE_WAIT:
		return is_none(f, py_values__local(&f->values, &c->link, PY_TIMEOUT)) &&
			add_set(f, i, py_values__local(&f->values, &c->link, PY_FS));
	case ROLE_GROUP:
		return self && !py_attribute(f->r->t, self, "_tasks", &set) && add_set(f, i, set);
	default:
		return false;
	}
}

static void on_frame(void *ctx, const struct py_await_link *link)
{
	struct chain *c = ctx;
	const enum role role = role_of(c->f, link->frame.code);

	if (role == ROLE_INNER)
		return;
	c->link = *link;
	c->role = role;
}

/* The innermost of those that the task has opened: it waits for that one. */
static bool add_nursery(struct finder *f, size_t i)
{
	const struct ls_pyoffsets *py = &f->r->t->proc.py.at;
	uint64_t list, n, items, nursery, set;

	return !py_attribute(f->r->t, f->r->alive[i].task, "_child_nurseries", &list) &&
		py_types__kind(&f->r->types, list) == PY_LIST &&
		!py_pages__read(f->r->pages, list + py->ob_size, &n, sizeof(n)) && n &&
		!py_pages__read(f->r->pages, list + py->list_items, &items, sizeof(items)) &&
		!py_pages__read(f->r->pages, items + 8 * (n - 1), &nursery, sizeof(nursery)) &&
		!py_attribute(f->r->t, nursery, "_children", &set) && add_set(f, i, set);
}

static bool add_edges_of_trio(struct finder *f, size_t i)
{
	const struct py_raw_task *raw = &f->r->alive[i];
	struct chain c = { .f = f };
	uint64_t self, owner, number;
	const struct py_type *type;

	if (raw->is_scheduled)
		return false;
	py_awaits__each(&f->r->types, raw->coro, on_frame, &c);
	if (c.role == ROLE_NURSERY)
		return add_nursery(f, i);
	if (c.role != ROLE_OWNED)
		return false;
	self = py_values__local(&f->values, &c.link, PY_SELF);
	type = py_types__of(&f->r->types, self);
	if (!type || !strstr(type->name, "Lock") || py_attribute(f->r->t, self, "_owner", &owner) ||
	    owner == raw->task || !addr_map__get(&f->tasks, owner, &number))
		return false;
	add_edge(f, i, number);
	return true;
}

/* Whether it is known for what the task waits. */
static bool add_edges(struct finder *f, size_t i)
{
	const struct py_raw_task *raw = &f->r->alive[i];
	const struct py_type *type = py_types__of(&f->r->types, raw->fut_waiter);
	struct chain c = { .f = f };
	uint64_t number;

	if (raw->is_trio)
		return add_edges_of_trio(f, i);
	if (!type)
		return false;
	if (type->kind == PY_TASK || type->kind == PY_PYTASK) {
		if (!addr_map__get(&f->tasks, raw->fut_waiter, &number))
			return false;
		add_edge(f, i, number);
		return true;
	}
	if (type->kind != PY_FUTURE || !is_pending(f, raw->fut_waiter))
		return false;
	if (!strcmp(type->name, "_GatheringFuture"))
		return add_gathered(f, i, raw->fut_waiter);
	py_awaits__each(&f->r->types, raw->coro, on_frame, &c);
	return add_by_frame(f, i, &c);
}

/* --- inside what a task is */

static void note_manager(void *ctx, uint64_t manager);

/* The managers that one made of a generator is inside, in place of itself. */
static void look_into(struct chain *c, uint64_t manager)
{
	struct py_await_link link;
	uint64_t generator;

	if (++c->f->slow_reads > MAX_SLOW_READS || c->n_managers > MAX_MANAGERS - MAX_NESTED) {
		c->has_timeout = true; /* perhaps */
		return;
	}
	if (!py_attribute(c->f->r->t, manager, "gen", &generator) &&
	    py_awaits__link(&c->f->r->types, generator, &link))
		py_values__managers(&c->f->values, &link, note_manager, c);
}

static void note_manager(void *ctx, uint64_t manager)
{
	struct chain *c = ctx;
	const struct py_type *type = py_types__of(&c->f->r->types, manager);

	for (size_t i = 0; type && i < N_OF(timeout_types); i++)
		c->has_timeout |= !strcmp(type->name, timeout_types[i]);
	if (c->n_managers == MAX_MANAGERS) {
		c->has_timeout = true; /* perhaps */
		return;
	}
	c->managers[c->n_managers++] = manager;
	if (type && strstr(type->name, "GeneratorContextManager"))
		look_into(c, manager);
}

static void on_outer_frame(void *ctx, const struct py_await_link *link)
{
	struct chain *c = ctx;
	struct py_values *values = &c->f->values;
	const enum role role = role_of(c->f, link->frame.code);

	/* Inside what it is cannot be read while it runs. */
	c->has_timeout |= link->is_running;
	if (role == ROLE_TIMEOUT && !is_none(c->f, py_values__local(values, link, PY_TIMEOUT)))
		c->has_timeout = true;
	/* It is on the stack already while it is entered. */
	if (role == ROLE_ENTER && c->n_managers &&
	    c->managers[c->n_managers - 1] == py_values__local(values, link, PY_SELF))
		c->n_managers--;
	py_values__managers(values, link, note_manager, c);
}

/* Whether one of the tasks around a task of trio is in a scope that may end. */
static bool is_in_scope(struct finder *f, const struct py_raw_task *raw)
{
	struct py_trio *trio = &f->r->trio;
	struct chain c = { .f = f };
	uint64_t parent, coro, nursery = raw->nursery;

	for (int depth = 0; !c.has_timeout && depth < MAX_PARENTS; depth++) {
		parent = py_trio__parent(f->r->t, trio, nursery);
		if (!parent)
			return nursery && !is_none(f, nursery);
		if (py_pages__read(f->r->pages, parent + trio->coro, &coro, sizeof(coro)) ||
		    py_pages__read(f->r->pages, parent + trio->parent_nursery, &nursery,
				   sizeof(nursery)))
			break;
		c.n_managers = 0;
		py_awaits__each(&f->r->types, coro, on_outer_frame, &c);
	}
	return true;
}

/* A lock has one holder; two that seem to hold it say that one of them was torn. */
static void look_inside(struct finder *f, size_t i)
{
	struct chain c = { .f = f };

	py_awaits__each(&f->r->types, f->r->alive[i].coro, on_outer_frame, &c);
	f->nodes[i].is_free |=
		c.has_timeout || (f->r->alive[i].is_trio && is_in_scope(f, &f->r->alive[i]));
	for (size_t k = 0; k < c.n_managers; k++)
		if (addr_map__add(&f->holders, c.managers[k], i + 1))
			f->error = -ENOMEM;
}

static void add_holder(struct finder *f, size_t i)
{
	uint64_t number;

	if (addr_map__get(&f->holders, f->nodes[i].lock, &number))
		add_edge(f, i, number);
	else
		f->nodes[i].is_free = true;
}

/* --- the set */

static int number_tasks(struct finder *f)
{
	int code = addr_map__reserve(&f->tasks, f->n);

	f->nodes = calloc(f->n + 1, sizeof(*f->nodes));
	if (!f->nodes)
		return -ENOMEM;
	for (size_t i = 0; !code && i < f->n; i++)
		code = addr_map__add(&f->tasks, f->r->alive[i].task, i + 1);
	return code;
}

/* Most looks end here: nobody waits for a task that could be stuck. */
static int find_candidates(struct finder *f, size_t *ret_n)
{
	int code = number_tasks(f);
	size_t n = 0;

	for (size_t i = 0; !code && !f->error && i < f->n; i++)
		f->nodes[i].is_free = !add_edges(f, i);
	if (!code)
		code = f->error;
	if (!code)
		code = py_deadlock__spread_freedom(f);
	for (size_t i = 0; !code && i < f->n; i++)
		n += !f->nodes[i].is_free;
	*ret_n = n;
	return code;
}

static int find_set(struct finder *f)
{
	int code;

	for (size_t i = 0; !f->error && i < f->n; i++)
		if (!f->nodes[i].is_free)
			look_inside(f, i);
	for (size_t i = 0; !f->error && i < f->n; i++)
		if (!f->nodes[i].is_free && f->nodes[i].lock)
			add_holder(f, i);
	code = f->error;
	if (!code)
		code = py_deadlock__spread_freedom(f);
	return code ? code : py_deadlock__drop_victims(f);
}

/* One of the set for which task `i` waits. */
static size_t other_of(const struct finder *f, size_t i)
{
	for (size_t e = py_deadlock__first_edge(f, (uint32_t)i, false);
	     e < f->n_edges && f->edges[e].from == i; e++)
		if (!f->nodes[f->edges[e].to].is_free)
			return f->edges[e].to;
	return i;
}

static int find_stuck(struct finder *f, size_t *ret_n)
{
	size_t n_candidates;
	int code = find_candidates(f, &n_candidates);

	*ret_n = 0;
	if (code || !n_candidates)
		return code;
	code = find_set(f);
	for (size_t i = 0; !code && i < f->n; i++)
		*ret_n += !f->nodes[i].is_free;
	return code;
}

/* How often a task of trio has run; 0: not known. */
static uint64_t turns_of(struct finder *f, size_t i)
{
	const struct target *t = f->r->t;
	uint64_t number, value;

	if (!f->r->alive[i].is_trio ||
	    py_attribute(t, f->r->alive[i].task, "_schedule_points", &number) ||
	    py_int_value(t, number, &value))
		return 0;
	return value + 1;
}

/*
 * Those that were stuck before as well, and have not run since: what was read of them is of one
 * moment then, though they pass on locks all the time.
 */
static int keep_those_before(struct finder *f, const struct finder *before)
{
	int code;

	for (size_t i = 0; i < f->n; i++) {
		struct node *node = &f->nodes[i];

		node->n_into = 0;
		if (!node->is_free)
			node->is_free = before->nodes[i].is_free ||
				before->nodes[i].turns != turns_of(f, i);
	}
	code = py_deadlock__spread_freedom(f);
	return code ? code : py_deadlock__drop_victims(f);
}

int py_deadlock__find(struct py_task_reader *r, size_t n, py_deadlock_fn *fn, void *ctx)
{
	_cleanup_(finder__done) struct finder first = { .r = r, .n = n, .values.types = &r->types };
	_cleanup_(finder__done) struct finder f = { .r = r, .n = n, .values.types = &r->types };
	size_t n_stuck;
	int code = find_stuck(&first, &n_stuck);

	if (code || !n_stuck)
		return code;
	for (size_t i = 0; i < n; i++)
		if (!first.nodes[i].is_free)
			first.nodes[i].turns = turns_of(&first, i);
	py_pages__forget(r->pages);
	code = find_stuck(&f, &n_stuck);
	if (!code && n_stuck)
		code = keep_those_before(&f, &first);
	for (size_t i = 0; !code && n_stuck && i < n; i++)
		if (!f.nodes[i].is_free)
			code = fn(ctx, i, other_of(&f, i));
	return code;
}

struct py_timeouts {
	struct finder f;
	struct addr_map nurseries; /* 2: in a scope that may end, or perhaps in one; else 1 */
};

int py_timeouts__new(struct py_timeouts **ret, struct py_task_reader *r)
{
	struct py_timeouts *timeouts = calloc(1, sizeof(*timeouts));

	if (!timeouts)
		return -ENOMEM;
	timeouts->f = (struct finder){ .r = r, .values.types = &r->types };
	*ret = timeouts;
	return 0;
}

void py_timeouts__free(struct py_timeouts *timeouts)
{
	if (!timeouts)
		return;
	finder__done(&timeouts->f);
	addr_map__done(&timeouts->nurseries);
	free(timeouts);
}

static bool is_nursery_in_scope(struct py_timeouts *timeouts, const struct py_raw_task *raw)
{
	uint64_t known;

	if (addr_map__get(&timeouts->nurseries, raw->nursery, &known))
		return known == 2;
	known = is_in_scope(&timeouts->f, raw) ? 2 : 1;
	/* Without memory it is looked up again. */
	addr_map__add(&timeouts->nurseries, raw->nursery, known);
	return known == 2;
}

bool py_timeouts__has(struct py_timeouts *timeouts, const struct py_raw_task *raw)
{
	struct chain c = { .f = &timeouts->f };

	py_awaits__each(&timeouts->f.r->types, raw->coro, on_outer_frame, &c);
	return c.has_timeout || (raw->is_trio && is_nursery_in_scope(timeouts, raw)) ||
		timeouts->f.error;
}
