/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turns the bytes of one input into the call on the model. Events pass the same decoder as live
 * ones; everything else that the model uses as an index or a length is checked here.
 */
#include "record/player_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "stream/event.h"

static const char *read_text(struct player *p)
{
	char text[FORMAT_MAX_TEXT_BYTES + 1];
	const char *at, *own;
	size_t n;

	at = cursor__text(&p->cursor, &n);
	memcpy(text, at, n);
	text[n] = '\0';
	own = strings__intern(p->pool, text);
	/* The pool returns "?" when it is full, which no recorder causes. */
	if (strcmp(own, text) != 0)
		p->cursor.is_bad = true;
	if (strings__is_short_of_memory(p->pool))
		p->error = -ENOMEM;
	return own;
}

/*
 * The element with this number: 0 stands for the next slot, which the file does not name; else it
 * is slot + 1. Never NULL: without memory, or for a slot that does not exist (noted as damage), it
 * is a dummy that nobody reads.
 */
static void *item(struct player *p, struct ring *ring, uint64_t number, bool *ret_is_new)
{
	void *found = NULL;

	memset(&p->spare, 0, sizeof(p->spare));
	*ret_is_new = false;
	if (number > ring__count(ring))
		p->cursor.is_bad = true;
	if (p->cursor.is_bad)
		return &p->spare;
	*ret_is_new = number == 0;
	found = ring__at(ring, *ret_is_new ? ring__next(ring) : number - 1);
	if (!found) {
		p->error = -ENOMEM;
		p->cursor.is_bad = true;
		return &p->spare;
	}
	if (*ret_is_new)
		memset(found, 0, ring->item_bytes);
	return found;
}

static void *read_item(struct player *p, struct ring *ring)
{
	bool is_new;

	return item(p, ring, cursor__varint(&p->cursor), &is_new);
}

const char *player__name(struct player *p)
{
	const uint64_t number = cursor__varint(&p->cursor);
	const char **name;
	bool is_new;

	if (number == 0)
		return NULL;
	name = item(p, &p->told->names, number - 1, &is_new);
	if (is_new)
		*name = read_text(p);
	return *name;
}

static struct ls_frame read_frame(struct player *p)
{
	struct told *t = p->told;
	struct ls_frame *frame;
	bool is_new;

	frame = item(p, &t->frames, cursor__varint(&p->cursor), &is_new);
	if (is_new) {
		t->frame.code += (uint64_t)cursor__signed(&p->cursor);
		t->frame.position += (uint64_t)cursor__signed(&p->cursor);
		*frame = t->frame;
	}
	return *frame;
}

size_t player__frames(struct player *p, struct ls_frame frames[LS_MAX_FRAMES])
{
	const size_t n = cursor__below(&p->cursor, LS_MAX_FRAMES + 1);

	for (size_t i = 0; i < n; i++)
		frames[i] = read_frame(p);
	return p->cursor.is_bad ? 0 : n;
}

/* Decodes a record and passes it to the model, as if it came from the kernel. */
static int feed_event(struct player *p, struct model *model, struct ls_rec_hdr *hdr,
		      enum ls_rec_kind kind, size_t size)
{
	struct event event;

	hdr->kind = (uint16_t)kind;
	hdr->len = (uint16_t)size;
	if (p->cursor.is_bad || event__decode(hdr, size, &event) < 0) {
		p->cursor.is_bad = true;
		return 0;
	}
	return player__is_for_model(p) ? model__event(model, &event) : 0;
}

static int input_event(struct player *p, struct model *model)
{
	const struct {
		enum fields_kind fields;
		enum ls_rec_kind kind;
		struct ls_rec_hdr *hdr;
		size_t size;
	} kinds[] = {
		[FORMAT_EVENT_THREAD] = { FIELDS_EVENT_THREAD, LS_REC_THREAD,
					  &p->told->event_thread.hdr,
					  sizeof(struct ls_rec_thread) },
		[FORMAT_EVENT_VICTIM] = { FIELDS_EVENT_VICTIM, LS_REC_VICTIM,
					  &p->told->event_victim.hdr,
					  sizeof(struct ls_rec_victim) },
		[FORMAT_EVENT_TURN] = { FIELDS_EVENT_TURN, LS_REC_TURN, &p->told->event_turn.hdr,
					sizeof(struct ls_rec_turn) },
		[FORMAT_EVENT_STALL] = { FIELDS_EVENT_STALL, LS_REC_STALL,
					 &p->told->event_stall.hdr, sizeof(struct ls_rec_stall) },
		[FORMAT_EVENT_EXEC] = { FIELDS_EVENT_LIFE, LS_REC_EXEC, &p->told->event_life.hdr,
					sizeof(struct ls_rec_life) },
		[FORMAT_EVENT_EXIT] = { FIELDS_EVENT_LIFE, LS_REC_EXIT, &p->told->event_life.hdr,
					sizeof(struct ls_rec_life) },
	};

	/* The header comes first in all of them. */
	fields__get(&p->cursor, &p->shape, kinds[p->kind].fields, kinds[p->kind].hdr);
	return feed_event(p, model, kinds[p->kind].hdr, kinds[p->kind].kind, kinds[p->kind].size);
}

static int input_stack(struct player *p, struct model *model)
{
	struct ls_rec_stack *stack = &p->told->event_stack;

	fields__get(&p->cursor, &p->shape, FIELDS_EVENT_STACK, stack);
	stack->n_frames = (uint16_t)player__frames(p, stack->frames);
	return feed_event(p, model, &stack->hdr, LS_REC_STACK,
			  offsetof(struct ls_rec_stack, frames) +
				  stack->n_frames * sizeof(struct ls_frame));
}

static int input_native(struct player *p, struct model *model)
{
	struct ls_rec_native *native = &p->told->event_native;

	fields__get(&p->cursor, &p->shape, FIELDS_EVENT_NATIVE, native);
	if (native->n_ips > LS_MAX_NATIVE) {
		p->cursor.is_bad = true;
		return 0;
	}
	for (size_t i = 0; i < native->n_ips; i++) {
		p->told->native_ip += (uint64_t)cursor__signed(&p->cursor);
		native->ips[i] = p->told->native_ip;
	}
	return feed_event(p, model, &native->hdr, LS_REC_NATIVE,
			  offsetof(struct ls_rec_native, ips) +
				  native->n_ips * sizeof(native->ips[0]));
}

static int input_coroutine(struct player *p, struct model *model)
{
	struct coroutine_input *c = read_item(p, &p->told->coroutines);

	fields__get(&p->cursor, &p->shape, FIELDS_COROUTINE, c);
	return player__is_for_model(p) ? model__coroutine(model, &c->key, &c->stats) : 0;
}

static int input_thread(struct player *p, struct model *model)
{
	struct thread_input *t = read_item(p, &p->told->threads);

	fields__get(&p->cursor, &p->shape, FIELDS_THREAD, t);
	return player__is_for_model(p) ? model__thread(model, t->pid, t->tid, &t->stats) : 0;
}

static int input_loop(struct player *p, struct model *model)
{
	struct loop_input *l = read_item(p, &p->told->loops);

	fields__get(&p->cursor, &p->shape, FIELDS_LOOP, l);
	l->info.process = player__name(p);
	if (!l->info.process)
		p->cursor.is_bad = true;
	return player__is_for_model(p) ? model__loop(model, l->pid, l->tid, &l->info) : 0;
}

static int input_loss(struct player *p, struct model *model)
{
	const char *name = player__name(p), *sentence = player__name(p);
	const uint64_t count = cursor__varint(&p->cursor);

	if (!name || !sentence)
		p->cursor.is_bad = true;
	return player__is_for_model(p) ? model__loss(model, name, sentence, count) : 0;
}

static int input_log(struct player *p, struct model *model)
{
	const enum log_grade grade = (enum log_grade)cursor__below(&p->cursor, LOG_GRADE_ERROR + 1);
	const uint32_t pid = (uint32_t)cursor__below(&p->cursor, 1ULL << 32);
	_cleanup_free_ char *text = NULL;
	const char *at;
	size_t n;

	at = cursor__text(&p->cursor, &n);
	text = strndup(at, n);
	if (!text)
		return -ENOMEM;
	return player__is_for_model(p) ? model__log(model, p->at_ns, grade, pid, text) : 0;
}

static int input_tick(struct player *p, struct model *model)
{
	return player__is_for_model(p) ? model__tick(model, p->at_ns) : 0;
}

static int input_reset(struct player *p, struct model *model)
{
	if (player__is_for_model(p))
		model__reset(model);
	return 0;
}

static bool is_live_valid(const struct model_live *live)
{
	return live->stall.unit > LS_UNIT_NONE && live->stall.unit <= LS_UNIT_TURN &&
		(unsigned int)live->cause < LS_CAUSE_MAX && live->stall.lock_known < LS_LOCK_MAX &&
		live->n_victim_names <= MODEL_LIVE_VICTIMS;
}

#define LIVE_STACKS 2 /* its own and that of the lock's holder */

static void read_live_stacks(struct player *p, struct model_live *live, struct ls_frame *frames)
{
	live->frames = frames;
	live->n_frames = player__frames(p, frames);
	live->holder_frames = frames + LS_MAX_FRAMES;
	if (live->n_holder_frames)
		live->n_holder_frames = (uint32_t)player__frames(p, frames + LS_MAX_FRAMES);
}

static int input_live(struct player *p, struct model *model)
{
	const size_t n = cursor__below(&p->cursor, FORMAT_MAX_LIVE + 1);
	_cleanup_free_ struct ls_frame *frames =
		calloc(n + 1, (size_t)LIVE_STACKS * LS_MAX_FRAMES * sizeof(*frames));
	struct told *t = p->told;

	if (!frames)
		return -ENOMEM;
	for (size_t i = 0; i < n && !p->cursor.is_bad; i++) {
		struct model_live *live = ring__at(&t->lives, i);

		if (!live)
			return -ENOMEM;
		if (i >= t->n_live)
			memset(live, 0, sizeof(*live));
		fields__get(&p->cursor, &p->shape, FIELDS_LIVE, live);
		read_live_stacks(p, live, frames + i * LIVE_STACKS * LS_MAX_FRAMES);
		if (!is_live_valid(live))
			p->cursor.is_bad = true;
	}
	t->n_live = n;
	if (!player__is_for_model(p))
		return 0;
	return model__live(model, (const struct model_live *)t->lives.items, n);
}

static uint32_t read_u32(struct player *p)
{
	return (uint32_t)cursor__below(&p->cursor, 1ULL << 32);
}

static void read_pool(struct player *p, struct pool *pool)
{
	struct ls_frame frames[LS_MAX_FRAMES];
	const char *name;

	pool->kind = (enum pool_kind)cursor__below(&p->cursor, POOL_KIND_MAX);
	pool->object = cursor__varint(&p->cursor);
	pool->is_default = cursor__below(&p->cursor, 2);
	pool->size = read_u32(p);
	pool->busy = read_u32(p);
	pool->waiting = read_u32(p);
	name = player__name(p);
	snprintf(pool->name, sizeof(pool->name), "%s", name ?: "");
	pool->n_places = player__frames(p, frames);
	if (!name || pool->n_places > POOL_PLACES) {
		p->cursor.is_bad = true;
		pool->n_places = 0;
	}
	for (size_t i = 0; i < pool->n_places; i++)
		pool->places[i] = (struct pool_place){ frames[i], read_u32(p) };
}

static int input_pools(struct player *p, struct model *model)
{
	const uint32_t pid = read_u32(p);
	const size_t n = cursor__below(&p->cursor, POOLS_MAX + 1);
	_cleanup_free_ struct pool *list = calloc(POOLS_MAX, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < n && !p->cursor.is_bad; i++)
		read_pool(p, &list[i]);
	return player__is_for_model(p) ? model__pools(model, p->at_ns, pid, list, n) : 0;
}

static void copy_name(struct player *p, char *buf, size_t size)
{
	const char *text = player__name(p);

	if (!text)
		p->cursor.is_bad = true;
	snprintf(buf, size, "%s", text ?: "");
}

static void read_life(struct player *p, struct life_group *group)
{
	struct ls_frame frames[LS_MAX_FRAMES];

	group->kind = (enum life_kind)cursor__below(&p->cursor, LIFE_KIND_MAX);
	group->key = cursor__varint(&p->cursor);
	group->code = cursor__varint(&p->cursor);
	group->qualname = cursor__varint(&p->cursor);
	group->other_code = cursor__varint(&p->cursor);
	group->other_qualname = cursor__varint(&p->cursor);
	group->count = read_u32(p);
	group->unawaited = read_u32(p);
	group->ended = read_u32(p);
	group->is_outside = cursor__below(&p->cursor, 2);
	group->since_ns = cursor__below(&p->cursor, FORMAT_MAX_TIME_NS);
	copy_name(p, group->type, sizeof(group->type));
	group->origin.line = read_u32(p);
	copy_name(p, group->origin.file, sizeof(group->origin.file));
	copy_name(p, group->origin.function, sizeof(group->origin.function));
	group->n_frames = player__frames(p, frames);
	if (group->n_frames > LIFE_FRAMES) {
		p->cursor.is_bad = true;
		group->n_frames = 0;
	}
	memcpy(group->frames, frames, group->n_frames * sizeof(*frames));
}

static int input_lives(struct player *p, struct model *model)
{
	const uint32_t pid = read_u32(p);
	const size_t n = cursor__below(&p->cursor, FORMAT_MAX_LIVES + 1);
	_cleanup_free_ struct life_group *list = calloc(FORMAT_MAX_LIVES, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < n && !p->cursor.is_bad; i++)
		read_life(p, &list[i]);
	return player__is_for_model(p) ? model__lives(model, p->at_ns, pid, list, n) : 0;
}

int player__input(struct player *p, struct model *model)
{
	static int (*const inputs[FORMAT_N_INPUTS])(struct player *, struct model *) = {
		[FORMAT_EVENT_THREAD] = input_event,  [FORMAT_EVENT_STACK] = input_stack,
		[FORMAT_EVENT_VICTIM] = input_event,  [FORMAT_EVENT_STALL] = input_event,
		[FORMAT_EVENT_EXEC] = input_event,    [FORMAT_EVENT_EXIT] = input_event,
		[FORMAT_COROUTINE] = input_coroutine, [FORMAT_THREAD] = input_thread,
		[FORMAT_LOSS] = input_loss,	      [FORMAT_LOOP] = input_loop,
		[FORMAT_TASKS] = player__tasks,	      [FORMAT_LOG] = input_log,
		[FORMAT_TICK] = input_tick,	      [FORMAT_LIVE] = input_live,
		[FORMAT_RESET] = input_reset,	      [FORMAT_EVENT_NATIVE] = input_native,
		[FORMAT_POOLS] = input_pools,	      [FORMAT_EVENT_TURN] = input_event,
		[FORMAT_LIVES] = input_lives,
	};

	return inputs[p->kind](p, model);
}
