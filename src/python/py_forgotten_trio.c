/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A task of trio waits for an Event, for a lot in which it is parked (that of a Condition, or one
 * of the program's own), or for the other side of a memory channel. (A Semaphore and a
 * CapacityLimiter are waited for while an exception is handled, whose traceback refers to them.) It
 refers to that by `self` in trio's functions (Event.wait() and those of channels have
 * it in a cell, which the function that cancels the wait shares), by the variables of those that
 * call them, and by what it says it sleeps for. The sides of a channel share a state, to which
 * nothing else refers. All of it is read twice, because a task may go on meanwhile.
 *
 * Sources: trio/_sync.py, trio/_channel.py, trio/_core/_parking_lot.py, trio/_core/_traps.py,
 * trio/_core/_ki.py and _run.py of 0.22 and 0.34. The older one marks frames in the dict of their
 * variables, which refers to the arguments up to Python 3.12.
 */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "python/py_awaits.h"
#include "python/py_forgotten_impl.h"
#include "python/py_frames.h"
#include "python/py_memory.h"
#include "python/py_roles.h"
#include "python/python.h"

#define MINOR_WITHOUT_DICTS 13
#define OF_CELL                                                                                    \
	2 /* references to a cell: of the function that waits, and of the one that cancels */
#define MAX_HALVES 16 /* of one channel */
#define MAX_SLOW_READS 500 /* attributes that are read in one look */
#define MAX_HEADER_WORDS 64 /* of a frame, in front of its variables */

enum role {
	ROLE_NONE,
	ROLE_TRAP, /* all waits end in one */
	ROLE_PARK,
	ROLE_SYNC, /* wait() of an Event, or of a Condition, which parks in its lot */
	ROLE_CHANNEL,
	ROLE_ABORT, /* takes a task out of one of these waits */
};

static const struct py_role roles[] = {
	{ ROLE_TRAP, "wait_task_rescheduled", "trio/_core/_traps.py" },
	{ ROLE_TRAP, "_async_yield", "trio/_core/_traps.py" },
	{ ROLE_TRAP, "_real_async_yield", "trio/_core/_traps.py" },
	{ ROLE_PARK, "park", "trio/_core/_parking_lot.py" },
	{ ROLE_SYNC, "wait", "trio/_sync.py" },
	{ ROLE_CHANNEL, "receive", "trio/_channel.py" },
	{ ROLE_CHANNEL, "send", "trio/_channel.py" },
	{ ROLE_ABORT, "abort_fn", "trio/_sync.py" },
	{ ROLE_ABORT, "abort_fn", "trio/_channel.py" },
	{ ROLE_ABORT, "abort_fn", "trio/_core/_parking_lot.py" },
};

/* The innermost function of an await chain that is no trap, and the one around it. */
struct ends {
	struct finder *f;
	enum role inner_role, outer_role;
	struct py_await_link inner, outer;
	bool is_trapped;
};

static enum role role_of(struct finder *f, uint64_t code)
{
	const int role = py_role__of(roles, N_OF(roles), &f->r->types, &f->roles, code);

	if (role < 0)
		f->error = role;
	return role < 0 ? ROLE_NONE : (enum role)role;
}

static void on_link(void *ctx, const struct py_await_link *link)
{
	struct ends *e = ctx;
	const enum role role = role_of(e->f, link->frame.code);

	e->is_trapped = role == ROLE_TRAP;
	if (e->is_trapped)
		return;
	e->outer = e->inner;
	e->outer_role = e->inner_role;
	e->inner = *link;
	e->inner_role = role;
}

static bool is_of_type(struct finder *f, uint64_t object, const char *name)
{
	const struct py_type *type = py_types__of(&f->r->types, object);

	return type && !strcmp(type->name, name);
}

static uint64_t slept_for(struct finder *f, const struct py_raw_task *raw)
{
	return py_forgotten__word(f, raw->task + f->r->trio.sleep_data);
}

/* The one that matters of an object. 0: there is none, or too much was read in this look. */
static uint64_t attribute(struct finder *f, uint64_t object, const char *name)
{
	uint64_t value;

	if (addr_map__get(&f->attributes, object, &value))
		return value;
	if (++f->slow_reads > MAX_SLOW_READS || py_attribute(f->r->t, object, name, &value))
		value = 0;
	if (addr_map__add(&f->attributes, object, value))
		f->error = -ENOMEM;
	return value;
}

/* --- what a task waits for */

/* The Event whose wait() this is. */
static uint64_t find_event(struct finder *f, const struct py_await_link *link)
{
	uint64_t values[PY_VALUES_MAX];
	const size_t n = py_values__read(&f->r->types, link, values);

	for (size_t i = 0; i < n; i++) {
		const uint64_t object = values[i] & ~(uint64_t)f->r->t->proc.py.at.tag_mask;
		uint64_t content;

		if (py_types__kind(&f->r->types, object) != PY_CELL)
			continue;
		content = py_forgotten__word(f, object + f->r->t->proc.py.at.ob_head);
		if (is_of_type(f, content, "Event"))
			return content;
	}
	return 0;
}

static bool find_lot(struct finder *f, const struct ends *e, uint64_t sleeps_for, struct wait *wait)
{
	const uint64_t lot = py_values__local(&f->values, &e->inner, PY_SELF);
	uint64_t self;

	if (!lot || lot != sleeps_for)
		return false;
	wait->owner = wait->object = lot;
	if (e->outer_role != ROLE_SYNC)
		return true;
	self = py_values__local(&f->values, &e->outer, PY_SELF);
	if (!self || attribute(f, self, "_lot") != lot)
		return false;
	wait->owner = wait->object = self;
	wait->lot = lot;
	return true;
}

static bool is_half(struct finder *f, uint64_t object)
{
	return is_of_type(f, object, "MemorySendChannel") ||
		is_of_type(f, object, "MemoryReceiveChannel");
}

/* Most wait for something else, and this is much cheaper than their await chains. */
static bool waits_so(struct finder *f, const struct py_raw_task *raw)
{
	const struct ls_pyoffsets *py = &f->r->t->proc.py.at;
	const uint64_t function = py_forgotten__word(f, raw->task + f->r->trio.abort);

	return py_types__kind(&f->r->types, function) == PY_FUNCTION &&
		role_of(f, py_forgotten__word(f, function + py_function_code_offset(py))) ==
		ROLE_ABORT;
}

int py_forgotten__look_at_trio(struct finder *f, size_t i)
{
	const struct py_raw_task *raw = &f->r->alive[i];
	struct wait wait = { .task = i, .is_trio = true };
	struct ends e = { .f = f };

	/* Free-threaded builds count references in two places, at moments of their own. */
	if (raw->is_scheduled || f->r->t->proc.py.at.ob_type != sizeof(uint64_t) ||
	    !waits_so(f, raw))
		return 0;
	py_awaits__each(&f->r->types, raw->coro, on_link, &e);
	if (!e.is_trapped)
		return 0;
	if (e.inner_role == ROLE_SYNC) {
		wait.owner = wait.object = find_event(f, &e.inner);
	} else if (e.inner_role == ROLE_CHANNEL) {
		wait.object = slept_for(f, raw);
		wait.owner = is_half(f, wait.object) ? attribute(f, wait.object, "_state") : 0;
	} else if (e.inner_role != ROLE_PARK || !find_lot(f, &e, slept_for(f, raw), &wait)) {
		return 0;
	}
	return wait.owner ? py_forgotten__add(f, &wait) : 0;
}

/* --- who refers to it */

/* Context of on_referrer(). */
struct counting {
	struct finder *f;
	uint64_t object;
	size_t n;
};

static size_t count_in_cells(struct finder *f, const struct py_await_link *link, uint64_t object)
{
	uint64_t values[PY_VALUES_MAX];
	const size_t n_values = py_values__read(&f->r->types, link, values);
	size_t n = 0;

	for (size_t i = 0; i < n_values; i++)
		n += py_types__kind(&f->r->types, values[i]) == PY_CELL &&
			py_forgotten__references(f, values[i]) == OF_CELL &&
			py_forgotten__word(f, values[i] + f->r->t->proc.py.at.ob_head) == object;
	return n;
}

static int on_variable(void *ctx, uint64_t key, uint64_t value)
{
	struct counting *c = ctx;

	(void)key;
	c->n += value == c->object;
	return 0;
}

static bool has_dicts(const struct finder *f)
{
	return f->r->t->proc.py.at.minor < MINOR_WITHOUT_DICTS;
}

/* A dict to which nothing but the frame refers. */
static void count_in_dict(struct counting *c, const struct py_await_link *link)
{
	const size_t n = c->f->r->t->proc.py.at.frame_locals / sizeof(uint64_t);
	uint64_t words[MAX_HEADER_WORDS];

	if (n > MAX_HEADER_WORDS ||
	    py_pages__read(c->f->r->pages, link->addr, words, n * sizeof(uint64_t)))
		return;
	for (size_t i = 0; i < n; i++)
		if (is_of_type(c->f, words[i], "dict") &&
		    py_forgotten__references(c->f, words[i]) == 1)
			py_dict_each(c->f->r->t, words[i], on_variable, c);
}

static void on_dict_of_link(void *ctx, const struct py_await_link *link)
{
	count_in_dict(ctx, link);
}

static void on_referrer(void *ctx, const struct py_await_link *link)
{
	struct counting *c = ctx;
	const enum role role = role_of(c->f, link->frame.code);

	py_forgotten__count(c->f, link, c->object, &c->n);
	if (role == ROLE_SYNC || role == ROLE_CHANNEL)
		c->n += count_in_cells(c->f, link, c->object);
}

/* Whether nobody but these tasks refers to it, and `n_others` objects of its own. */
static bool is_theirs(struct finder *f, const struct wait *waits, size_t n, uint64_t object,
		      size_t n_others)
{
	struct counting c = { .f = f, .object = object, .n = n_others };
	const uint32_t references = py_forgotten__references(f, object);

	for (size_t i = 0; i < n; i++) {
		const struct py_raw_task *raw = &f->r->alive[waits[i].task];

		py_awaits__each(&f->r->types, raw->coro, on_referrer, &c);
		c.n += slept_for(f, raw) == object;
	}
	for (size_t i = 0; c.n < references && has_dicts(f) && i < n; i++)
		py_awaits__each(&f->r->types, f->r->alive[waits[i].task].coro, on_dict_of_link, &c);
	return c.n == references && !py_forgotten__is_weakly_known(f, object);
}

/* Both sides of a channel, as far as the tasks that wait for it have them. */
struct halves {
	struct finder *f;
	uint64_t state;
	size_t n;
	uint64_t objects[MAX_HALVES + 1];
};

static void add_half(struct halves *h, uint64_t object)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->objects[i] == object)
			return;
	if (h->n <= MAX_HALVES && is_half(h->f, object) &&
	    attribute(h->f, object, "_state") == h->state)
		h->objects[h->n++] = object;
}

static void on_holder(void *ctx, const struct py_await_link *link)
{
	struct halves *h = ctx;
	uint64_t values[PY_VALUES_MAX];
	const size_t n = py_values__read(&h->f->r->types, link, values);

	for (size_t i = 0; i < n; i++)
		add_half(h, values[i] & ~(uint64_t)h->f->r->t->proc.py.at.tag_mask);
}

/* Each half refers to the state, one that nobody has found as well. */
static bool is_channel_theirs(struct finder *f, const struct wait *waits, size_t n)
{
	struct halves h = { .f = f, .state = waits->owner };

	for (size_t i = 0; i < n; i++) {
		add_half(&h, waits[i].object);
		py_awaits__each(&f->r->types, f->r->alive[waits[i].task].coro, on_holder, &h);
	}
	if (h.n > MAX_HALVES || h.n != py_forgotten__references(f, h.state) ||
	    py_forgotten__is_weakly_known(f, h.state))
		return false;
	for (size_t i = 0; i < h.n; i++)
		if (!is_theirs(f, waits, n, h.objects[i], 0))
			return false;
	return true;
}

bool py_forgotten__is_left_by_trio(struct finder *f, const struct wait *waits, size_t n)
{
	if (waits->object != waits->owner)
		return is_channel_theirs(f, waits, n);
	return is_theirs(f, waits, n, waits->owner, 0) &&
		(!waits->lot || is_theirs(f, waits, n, waits->lot, 1));
}

bool py_forgotten__is_still_in_trio(struct finder *f, const struct wait *waits, size_t n)
{
	struct py_raw_task again;

	for (size_t i = 0; i < n; i++) {
		const struct py_raw_task *raw = &f->r->alive[waits[i].task];

		if (!py_task_reader__read(f->r, raw->task, &again) || again.is_scheduled ||
		    again.coro != raw->coro)
			return false;
	}
	return py_forgotten__is_left_by_trio(f, waits, n);
}

bool py_forgotten__is_main_of_trio(struct finder *f, const struct py_raw_task *raw)
{
	const uint64_t parent = py_trio__parent(f->r->t, &f->r->trio, raw->nursery);

	return !parent ||
		py_forgotten__word(f, parent + f->r->trio.parent_nursery) == f->r->t->proc.py.none;
}
