/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the bytes of one input to the call on the model. The checks of a live event are made on a replayed one
 * as well, by the same decoder; what else the model indexes or loops by is checked here.
 */
#include "record/player_impl.h"

#include <errno.h>
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
	/* A full pool gives "?"; no recorder fills it. */
	if (strcmp(own, text) != 0)
		p->cursor.is_bad = true;
	return own;
}

/*
 * What has this number: 0 says that it is the next one, whose slot is not told; else slot + 1. Never NULL: without memory,
 * or if there is no such thing, which is then known to be damage, it is something that nobody reads.
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

/* Hands a record to the decoder and on to the model, as if it came from the kernel. */
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
	return model__event(model, &event);
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
					  &p->told->event_thread.hdr, sizeof(struct ls_rec_thread) },
		[FORMAT_EVENT_VICTIM] = { FIELDS_EVENT_VICTIM, LS_REC_VICTIM,
					  &p->told->event_victim.hdr, sizeof(struct ls_rec_victim) },
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

static int input_coroutine(struct player *p, struct model *model)
{
	struct coroutine_input *c = read_item(p, &p->told->coroutines);

	fields__get(&p->cursor, &p->shape, FIELDS_COROUTINE, c);
	return p->cursor.is_bad ? 0 : model__coroutine(model, &c->key, &c->stats);
}

static int input_thread(struct player *p, struct model *model)
{
	struct thread_input *t = read_item(p, &p->told->threads);

	fields__get(&p->cursor, &p->shape, FIELDS_THREAD, t);
	return p->cursor.is_bad ? 0 : model__thread(model, t->pid, t->tid, &t->stats);
}

static int input_loop(struct player *p, struct model *model)
{
	struct loop_input *l = read_item(p, &p->told->loops);

	fields__get(&p->cursor, &p->shape, FIELDS_LOOP, l);
	l->info.process = player__name(p);
	if (!l->info.process)
		p->cursor.is_bad = true;
	return p->cursor.is_bad ? 0 : model__loop(model, l->pid, l->tid, &l->info);
}

static int input_loss(struct player *p, struct model *model)
{
	const char *name = player__name(p), *sentence = player__name(p);
	const uint64_t count = cursor__varint(&p->cursor);

	if (!name || !sentence)
		p->cursor.is_bad = true;
	return p->cursor.is_bad ? 0 : model__loss(model, name, sentence, count);
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
	return p->cursor.is_bad ? 0 : model__log(model, p->at_ns, grade, pid, text);
}

static int input_tick(struct player *p, struct model *model)
{
	return model__tick(model, p->at_ns);
}

static int input_reset(struct player *p, struct model *model)
{
	(void)p;
	model__reset(model);
	return 0;
}

static bool is_live_valid(const struct model_live *live)
{
	return (unsigned int)live->unit > LS_UNIT_NONE &&
		(unsigned int)live->unit <= LS_UNIT_TURN && (unsigned int)live->cause < LS_CAUSE_MAX;
}

static int input_live(struct player *p, struct model *model)
{
	const size_t n = cursor__below(&p->cursor, FORMAT_MAX_LIVE + 1);
	_cleanup_free_ struct ls_frame *frames = calloc(n + 1, LS_MAX_FRAMES * sizeof(*frames));
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
		live->frames = frames + i * LS_MAX_FRAMES;
		live->n_frames = player__frames(p, frames + i * LS_MAX_FRAMES);
		if (!is_live_valid(live))
			p->cursor.is_bad = true;
	}
	t->n_live = n;
	return p->cursor.is_bad ? 0 :
				  model__live(model, (const struct model_live *)t->lives.items, n);
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
		[FORMAT_RESET] = input_reset,
	};

	return inputs[p->kind](p, model);
}
