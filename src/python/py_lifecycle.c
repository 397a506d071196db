/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks that are done stay in asyncio's lists while something refers to them. Each task of trio has
 * a nursery that awaits it; who was asked to cancel, and failed, is not read of those.
 */
#include "python/py_lifecycle.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "python/addr_map.h"
#include "python/py_awaits.h"
#include "python/py_deadlock.h"
#include "python/py_forgotten.h"
#include "python/py_lost.h"
#include "python/py_memory.h"
#include "python/py_names.h"
#include "python/py_tracked.h"
#include "python/py_values.h"
#include "python/py_warned.h"
#include "python/python.h"

#define MAX_LOOPS 64
#define NAME_BYTES 64
#define MAX_GENERATORS 20000
#define WEAKREF_OBJECT 0 /* behind the head */

struct look {
	struct py_task_reader *r;
	struct lifecycle *life;
	struct addr_map known; /* coroutines of tasks, and generators that were counted */
};

static void look__done(struct look *l)
{
	addr_map__done(&l->known);
}

/* Addresses are used again, so the name counts, too: asyncio numbers the tasks without one. */
static uint64_t identity_of(struct look *l, const struct py_raw_task *raw)
{
	char name[NAME_BYTES] = "";

	py_name__read(&l->r->types, raw->name, name, sizeof(name));
	return hash_string(hash_word(HASH_SEED, raw->coro), name);
}

static void set_frames(struct look *l, struct life_group *group, const struct py_awaits *awaits)
{
	const size_t skip = py_trio__count_traps(&l->r->trio, awaits->frames, awaits->n_frames);

	group->n_frames = awaits->n_frames - skip;
	if (group->n_frames > LIFE_FRAMES)
		group->n_frames = LIFE_FRAMES;
	memcpy(group->frames, awaits->frames + skip, group->n_frames * sizeof(*group->frames));
	group->code = awaits->code;
	group->qualname = awaits->qualname;
}

/* A task that runs is at no place in particular. */
static void describe(struct look *l, const struct py_raw_task *raw, struct life_group *group)
{
	struct py_awaits awaits;
	const bool is_running = py_awaits__read(&l->r->types, raw->coro, &awaits);
	const struct py_type *type = py_types__of(&l->r->types, raw->fut_waiter);

	set_frames(l, group, &awaits);
	if (is_running)
		group->n_frames = 0;
	if (type && strcmp(type->name, "NoneType") != 0)
		memcpy(group->type, type->name, sizeof(group->type));
	py_lost__origin(&l->r->types, raw->coro, &group->origin);
}

static int join(struct look *l, struct life_group *like, enum life_kind kind, uint64_t object,
		uint64_t identity)
{
	size_t group;

	like->kind = kind;
	group = lifecycle__group(l->life, like);
	return group == SIZE_MAX ? 0 : lifecycle__add(l->life, group, object, identity);
}

static int join_alive(struct look *l, struct life_group *like, const struct py_raw_task *raw,
		      uint64_t identity)
{
	const bool is_unawaited = !raw->is_python && !raw->callbacks.first && !raw->callbacks.list;
	size_t group;
	int code;

	like->kind = LIFE_ALIVE;
	group = lifecycle__group(l->life, like);
	if (group == SIZE_MAX)
		return 0;
	code = lifecycle__add(l->life, group, raw->task, identity);
	l->life->groups[group].unawaited += !code && is_unawaited;
	return code;
}

/* One written in Python stays in the set when it is done. */
static bool may_be_alive(const struct look *l, const struct py_raw_task *raw)
{
	uint64_t state;

	return raw->is_trio || !raw->is_python ||
		py_attribute(l->r->t, raw->task, "_state", &state);
}

static int look_at_task(struct look *l, const struct py_raw_task *raw)
{
	const uint64_t identity = identity_of(l, raw);
	struct life_group like = { 0 };
	int code;

	describe(l, raw, &like);
	code = join_alive(l, &like, raw, identity);
	if (!code && (raw->must_cancel || raw->n_cancels))
		code = join(l, &like, LIFE_CANCELLED, raw->task, identity);
	return code;
}

static int on_forgotten(void *ctx, size_t i, uint64_t owner)
{
	struct look *l = ctx;
	const struct py_raw_task *raw = &l->r->alive[i];
	const struct py_type *type;
	struct life_group like = { 0 };

	describe(l, raw, &like);
	type = py_types__of(&l->r->types, owner);
	if (type)
		memcpy(like.type, type->name, sizeof(like.type));
	return join(l, &like, LIFE_FORGOTTEN, raw->task, identity_of(l, raw));
}

static int on_deadlock(void *ctx, size_t i, size_t other)
{
	struct look *l = ctx;
	const struct py_raw_task *raw = &l->r->alive[i];
	struct life_group like = { 0 };
	struct py_awaits awaits;

	describe(l, raw, &like);
	if (other != i) {
		py_awaits__read(&l->r->types, l->r->alive[other].coro, &awaits);
		like.other_code = awaits.code;
		like.other_qualname = awaits.qualname;
	}
	return join(l, &like, LIFE_DEADLOCK, raw->task, identity_of(l, raw));
}

static int look_at_done(struct look *l)
{
	int code = 0;

	for (size_t i = 0; !code && i < l->r->n_members; i++) {
		const uint64_t exception = py_task_reader__lost_exception(l->r, l->r->members[i]);
		struct life_group like = { 0 };

		if (!exception)
			continue;
		py_lost__exception(&l->r->types, exception, &like);
		code = join(l, &like, LIFE_FAILED, l->r->members[i], exception);
	}
	return code;
}

static int join_generator(struct look *l, uint64_t generator, const struct py_await_link *link)
{
	struct life_group like = { .code = link->frame.code, .qualname = link->qualname };

	if (!link->is_running) {
		like.frames[0] = link->frame;
		like.n_frames = 1;
	}
	return addr_map__add(&l->known, generator, 1) ?:
		join(l, &like, LIFE_GENERATOR, generator, link->frame.code);
}

static int on_generator(void *ctx, uint64_t reference)
{
	struct look *l = ctx;
	struct py_await_link link;
	uint64_t generator;

	if (py_pages__read(l->r->pages, reference + l->r->t->proc.py.at.ob_head + WEAKREF_OBJECT,
			   &generator, sizeof(generator)) ||
	    !py_awaits__link(&l->r->types, generator, &link))
		return 0;
	return join_generator(l, generator, &link);
}

/* A loop of uvloop keeps them where no name leads to, and one of trio elsewhere. */
static int look_at_generators(struct look *l)
{
	struct target_loop_thread loops[MAX_LOOPS];
	const int n = py_loop_threads(l->r->t, loops, MAX_LOOPS);
	int code = 0;

	for (int i = 0; code != -ENOMEM && i < n; i++) {
		uint64_t weak_set, set;

		if (!py_attribute(l->r->t, loops[i].loop, "_asyncgens", &weak_set) &&
		    !py_attribute(l->r->t, weak_set, "data", &set))
			code = py_set_each(l->r->t, set, 2 * MAX_GENERATORS, on_generator, l);
	}
	return code == -ENOMEM ? code : 0;
}

static int on_tracked(void *ctx, uint64_t object, bool is_coroutine)
{
	struct look *l = ctx;
	struct life_group like = { 0 };
	struct py_await_link link;
	uint64_t known;

	if (addr_map__get(&l->known, object, &known) ||
	    !py_awaits__link(&l->r->types, object, &link) || link.is_created != is_coroutine)
		return 0;
	/* Some generators are found at each look: the others would come and go. */
	if (!is_coroutine)
		return l->life->depth == LIFE_ONCE ? join_generator(l, object, &link) : 0;
	like.code = link.frame.code;
	like.qualname = link.qualname;
	py_lost__origin(&l->r->types, object, &like.origin);
	return join(l, &like, LIFE_UNSTARTED, object, py_values__hash(&l->r->types, &link));
}

/* A task that was just made begins in its turn. */
static int look_at_tracked(struct look *l)
{
	int code = 0;

	for (size_t i = 0; !code && i < l->r->n_alive; i++)
		code = addr_map__add(&l->known, l->r->alive[i].coro, 1);
	return code ?: py_tracked__each(&l->r->types, on_tracked, l);
}

static int on_warned(void *ctx, uint64_t note, const char *coroutine,
		     const struct life_origin *place)
{
	struct life_group like = { .origin = *place };

	utf8__sanitize(coroutine, like.type, sizeof(like.type));
	return join(ctx, &like, LIFE_DROPPED, note, note);
}

/* A connection that is open waits for its other end, for as long as that likes. */
static bool is_outside(struct look *l, uint64_t code)
{
	uint64_t file;

	return !py_pages__read(l->r->pages, code + l->r->t->proc.py.at.co_filename, &file,
			       sizeof(file)) &&
		(py_name__ends(&l->r->types, file, "asyncio/streams.py") ||
		 py_name__ends(&l->r->types, file, "trio/_core/_io_epoll.py"));
}

static void mark_outside(struct look *l)
{
	for (size_t i = 0; i < l->life->n; i++) {
		struct life_group *group = &l->life->groups[i];

		group->is_outside = group->n_frames && is_outside(l, group->frames[0].code);
	}
}

int py_lifecycle__look(struct py_task_reader *r, size_t n, struct lifecycle *life)
{
	_cleanup_(look__done) struct look l = { .r = r, .life = life };
	int code = 0;

	if (r->has_trio)
		py_trio__find_traps(r->t, &r->trio);
	lifecycle__clear(life);
	life->alive = r->n_alive;
	life->is_cut = n < r->n_alive;
	for (size_t i = 0; !code && i < n; i++)
		if (may_be_alive(&l, &r->alive[i]))
			code = look_at_task(&l, &r->alive[i]);
	if (!code)
		code = py_forgotten__find(r, n, on_forgotten, &l);
	if (!code)
		code = py_deadlock__find(r, n, on_deadlock, &l);
	if (!code)
		code = look_at_done(&l);
	if (!code)
		code = look_at_generators(&l);
	if (!code && life->depth != LIFE_CHEAP)
		code = look_at_tracked(&l);
	if (!code && life->depth != LIFE_CHEAP)
		code = py_warned__each(&r->types, on_warned, &l);
	mark_outside(&l);
	return code ? code : py_pages__error(r->pages);
}
