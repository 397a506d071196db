/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The window over unfinished spans: pending.h says what is kept and for how long. Equal stacks of a
 * span are merged on arrival, so the memory of a long computation grows with the number of its
 * places, not of its samples.
 */
#include "model/pending.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/table.h"

struct pending_key {
	uint32_t pid, tid;
};

struct pending_thread {
	struct pending_key key;
	uint64_t newest; /* highest span number seen */
	size_t n_spans, n_allocated;
	struct pending_span *spans; /* ascending by number */
	UT_hash_handle hh;
};

void pending_span__done(struct pending_span *span)
{
	for (size_t i = 0; i < span->n_stacks; i++)
		free(span->stacks[i]);
	free(span->stacks);
	for (size_t i = 0; i < HOLDER_KINDS; i++)
		free(span->holders[i]);
	free(span->maker);
	free(span->turn);
	for (size_t i = 0; i < span->n_natives; i++)
		free(span->natives[i]);
	free(span->victims);
	free(span->order);
	memset(span, 0, sizeof(*span));
}

static void thread_drop_spans(struct pending *p, struct pending_thread *t, size_t n)
{
	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++) {
		p->bytes -= t->spans[i].bytes;
		pending_span__done(&t->spans[i]);
	}
	t->n_spans -= n;
	memmove(t->spans, t->spans + n, t->n_spans * sizeof(*t->spans));
}

static void thread_free(struct pending *p, struct pending_thread *t)
{
	thread_drop_spans(p, t, t->n_spans);
	HASH_DELETE(hh, p->threads, t);
	free(t->spans);
	free(t);
}

void pending__done(struct pending *p)
{
	struct pending_thread *t, *next;

	HASH_ITER (hh, p->threads, t, next)
		thread_free(p, t);
}

void pending__forget_process(struct pending *p, uint32_t pid)
{
	struct pending_thread *t, *next;

	HASH_ITER (hh, p->threads, t, next)
		if (t->key.pid == pid)
			thread_free(p, t);
}

void pending__forget_thread(struct pending *p, uint32_t pid, uint32_t tid)
{
	const struct pending_key key = { pid, tid };
	struct pending_thread *t;

	table__find(p->threads, &key, t);
	if (t)
		thread_free(p, t);
}

/* Drops the thread that has been quiet for longest. False if `except` is the only one. */
static bool pending_evict(struct pending *p, const struct pending_thread *except)
{
	struct pending_thread *t = p->threads;

	if (t == except)
		t = t ? t->hh.next : NULL;
	if (!t)
		return false;
	for (size_t i = 0; i < t->n_spans; i++)
		p->dropped_stacks += t->spans[i].n_stacks;
	thread_free(p, t);
	return true;
}

/* Finds or makes the thread and moves it to the end of the table's order. */
static int pending_touch(struct pending *p, const struct ls_rec_hdr *hdr,
			 struct pending_thread **ret_thread)
{
	const struct pending_key key = { hdr->tgid, hdr->tid };
	struct pending_thread *t;
	int r;

	table__find(p->threads, &key, t);
	if (t && !t->hh.next) {
		*ret_thread = t;
		return 0;
	}
	if (t) {
		HASH_DELETE(hh, p->threads, t);
	} else {
		if (HASH_COUNT(p->threads) >= PENDING_MAX_THREADS)
			pending_evict(p, NULL);
		t = calloc(1, sizeof(*t));
		if (!t)
			return -ENOMEM;
		t->key = key;
	}
	r = table__add(p->threads, t);
	if (r) {
		thread_drop_spans(p, t, t->n_spans);
		free(t->spans);
		free(t);
		return r;
	}
	*ret_thread = t;
	return 0;
}

/* Drops the spans that are too old now that span `number` has been seen. */
static void thread_age(struct pending *p, struct pending_thread *t, uint64_t number)
{
	size_t n = 0;

	if (number < t->newest && t->newest - number > PENDING_MAX_AGE) {
		t->newest = number;
		thread_drop_spans(p, t, t->n_spans);
		return;
	}
	if (number > t->newest)
		t->newest = number;
	while (n < t->n_spans && t->newest - t->spans[n].number > PENDING_MAX_AGE)
		n++;
	thread_drop_spans(p, t, n);
}

static int thread_span(struct pending *p, struct pending_thread *t, uint64_t number,
		       struct pending_span **ret_span)
{
	size_t i;
	int r;

	thread_age(p, t, number);
	for (i = t->n_spans; i > 0 && t->spans[i - 1].number >= number; i--) {
		if (t->spans[i - 1].number == number) {
			*ret_span = &t->spans[i - 1];
			return 0;
		}
	}
	if (t->n_spans >= PENDING_MAX_SPANS) {
		thread_drop_spans(p, t, 1);
		i -= i > 0;
	}
	r = ARRAY_RESERVE(t->spans, t->n_allocated, t->n_spans + 1);
	if (r)
		return r;
	memmove(t->spans + i + 1, t->spans + i, (t->n_spans - i) * sizeof(*t->spans));
	t->n_spans++;
	memset(&t->spans[i], 0, sizeof(t->spans[i]));
	t->spans[i].number = number;
	*ret_span = &t->spans[i];
	return 0;
}

static uint64_t stack_hash(const struct ls_rec_stack *rec)
{
	uint64_t hash = HASH_SEED;

	hash = hash_word(hash,
			 rec->cause | (uint64_t)rec->syscall << 16 | (uint64_t)rec->flags << 32);
	hash = hash_word(hash, rec->native_ip);
	for (int i = 0; i < rec->n_frames; i++) {
		hash = hash_word(hash, rec->frames[i].code);
		hash = hash_word(hash, rec->frames[i].position);
	}
	return hash;
}

static bool stack_is_equal(const struct pending_stack *s, uint64_t hash,
			   const struct ls_rec_stack *rec)
{
	return s->hash == hash && s->cause == rec->cause && s->syscall == rec->syscall &&
		s->native_ip == rec->native_ip && s->flags == rec->flags &&
		s->n_frames == rec->n_frames &&
		!memcmp(s->frames, rec->frames, rec->n_frames * sizeof(rec->frames[0]));
}

static void stack_add(struct pending_stack *s, const struct ls_rec_stack *rec)
{
	if (__builtin_add_overflow(s->weight_ns, rec->weight_ns, &s->weight_ns))
		s->weight_ns = UINT64_MAX;
	s->last_ns = rec->hdr.ts_ns;
}

static bool pending_has_room(struct pending *p, const struct pending_thread *t, size_t bytes)
{
	while (p->bytes + bytes > PENDING_MAX_BYTES)
		if (!pending_evict(p, t))
			return false;
	return true;
}

static struct pending_stack *stack_new(const struct ls_rec_stack *rec, uint64_t hash)
{
	const size_t frames_bytes = rec->n_frames * sizeof(rec->frames[0]);
	struct pending_stack *s = calloc(1, sizeof(*s) + frames_bytes);

	if (!s)
		return NULL;
	s->hash = hash;
	s->native_ip = rec->native_ip;
	s->cause = rec->cause;
	s->syscall = rec->syscall;
	s->flags = rec->flags;
	s->n_frames = rec->n_frames;
	memcpy(s->frames, rec->frames, frames_bytes);
	stack_add(s, rec);
	return s;
}

static size_t stack_bytes(const struct pending_stack *s)
{
	return s ? sizeof(*s) + s->n_frames * sizeof(s->frames[0]) : 0;
}

static struct pending_stack **span_holder(struct pending_span *span, const struct ls_rec_stack *rec)
{
	return &span->holders[rec->cause == LS_CAUSE_LOCK ? HOLDER_LOCK : HOLDER_GIL];
}

/* The newest one counts: the kernel side sends one for each report of a span. */
static int span_set_stack(struct pending *p, const struct pending_thread *t,
			  struct pending_span *span, struct pending_stack **slot,
			  const struct ls_rec_stack *rec)
{
	struct pending_stack *s;

	if (!pending_has_room(p, t, sizeof(*s) + rec->n_frames * sizeof(rec->frames[0]))) {
		p->dropped_stacks++;
		return 0;
	}
	s = stack_new(rec, 0);
	if (!s)
		return -ENOMEM;
	span->bytes += stack_bytes(s) - stack_bytes(*slot);
	p->bytes += stack_bytes(s) - stack_bytes(*slot);
	free(*slot);
	*slot = s;
	return 0;
}

static int span_add_stack(struct pending *p, const struct pending_thread *t,
			  struct pending_span *span, const struct ls_rec_stack *rec, uint64_t hash)
{
	size_t bytes = sizeof(struct pending_stack) + rec->n_frames * sizeof(rec->frames[0]);
	struct pending_stack *s;
	int r;

	if (span->n_stacks >= PENDING_MAX_STACKS || !pending_has_room(p, t, bytes)) {
		p->dropped_stacks++;
		return 0;
	}
	r = ARRAY_RESERVE(span->stacks, span->n_allocated, span->n_stacks + 1);
	if (r)
		return r;
	s = stack_new(rec, hash);
	if (!s)
		return -ENOMEM;
	span->stacks[span->n_stacks++] = s;
	span->bytes += bytes;
	p->bytes += bytes;
	return 0;
}

static int span_add_order(struct pending *p, const struct pending_thread *t,
			  struct pending_span *span, uint64_t hash)
{
	const size_t bytes = PENDING_MAX_ORDER * sizeof(*span->order);

	if (span->n_order == PENDING_MAX_ORDER ||
	    (span->n_order && span->order[span->n_order - 1] == hash))
		return 0;
	if (!span->order) {
		if (!pending_has_room(p, t, bytes))
			return 0;
		span->order = malloc(bytes);
		if (!span->order)
			return -ENOMEM;
		span->bytes += bytes;
		p->bytes += bytes;
	}
	span->order[span->n_order++] = hash;
	return 0;
}

int pending__add_stack(struct pending *p, const struct ls_rec_stack *rec)
{
	struct pending_thread *t;
	struct pending_span *span;
	uint64_t hash;
	int r;

	r = pending_touch(p, &rec->hdr, &t);
	if (r)
		return r;
	r = thread_span(p, t, rec->span, &span);
	if (r)
		return r;
	if (rec->flags & LS_STACK_HOLDER)
		return span_set_stack(p, t, span, span_holder(span, rec), rec);
	if (rec->flags & LS_STACK_MAKER)
		return span_set_stack(p, t, span, &span->maker, rec);
	hash = stack_hash(rec);
	if (rec->cause == LS_CAUSE_CPU)
		r = span_add_order(p, t, span, hash);
	if (r)
		return r;
	for (size_t i = 0; i < span->n_stacks; i++) {
		if (stack_is_equal(span->stacks[i], hash, rec)) {
			stack_add(span->stacks[i], rec);
			return 0;
		}
	}
	return span_add_stack(p, t, span, rec, hash);
}

static size_t native_bytes(size_t n_ips)
{
	return sizeof(struct pending_native) + n_ips * sizeof(uint64_t);
}

static bool native_is_equal(const struct pending_native *n, const struct ls_rec_native *rec)
{
	return !memcmp(&n->place, &rec->place, sizeof(n->place)) && n->flags == rec->flags &&
		n->n_ips == rec->n_ips &&
		!memcmp(n->ips, rec->ips, rec->n_ips * sizeof(rec->ips[0]));
}

static int span_add_native(struct pending *p, const struct pending_thread *t,
			   struct pending_span *span, const struct ls_rec_native *rec)
{
	const size_t bytes = native_bytes(rec->n_ips);
	struct pending_native *n;

	if (span->n_natives >= PENDING_MAX_NATIVES || !pending_has_room(p, t, bytes)) {
		p->dropped_stacks++;
		return 0;
	}
	n = calloc(1, bytes);
	if (!n)
		return -ENOMEM;
	n->place = rec->place;
	n->count = 1;
	n->flags = rec->flags;
	n->n_ips = rec->n_ips;
	memcpy(n->ips, rec->ips, rec->n_ips * sizeof(rec->ips[0]));
	span->natives[span->n_natives++] = n;
	span->bytes += bytes;
	p->bytes += bytes;
	return 0;
}

int pending__add_native(struct pending *p, const struct ls_rec_native *rec)
{
	struct pending_thread *t;
	struct pending_span *span;
	int r;

	r = pending_touch(p, &rec->hdr, &t);
	if (r >= 0)
		r = thread_span(p, t, rec->place.span, &span);
	if (r < 0)
		return r;
	for (size_t i = 0; i < span->n_natives; i++) {
		if (native_is_equal(span->natives[i], rec)) {
			span->natives[i]->count++;
			return 0;
		}
	}
	return span_add_native(p, t, span, rec);
}

int pending__add_victim(struct pending *p, const struct ls_rec_victim *rec)
{
	const size_t bytes = LS_MAX_VICTIM_NAMES * sizeof(struct pending_victim);
	struct pending_thread *t;
	struct pending_span *span;
	int r;

	r = pending_touch(p, &rec->hdr, &t);
	if (r)
		return r;
	r = thread_span(p, t, rec->span, &span);
	if (r)
		return r;
	if (span->n_victims >= LS_MAX_VICTIM_NAMES)
		return 0;
	if (!span->victims) {
		if (!pending_has_room(p, t, bytes))
			return 0;
		span->victims = calloc(1, bytes);
		if (!span->victims)
			return -ENOMEM;
		span->bytes += bytes;
		p->bytes += bytes;
	}
	span->victims[span->n_victims++] =
		(struct pending_victim){ rec->name, rec->code, rec->qualname, rec->starved_ns };
	return 0;
}

int pending__add_turn(struct pending *p, const struct ls_rec_turn *rec)
{
	struct pending_thread *t;
	struct pending_span *span;
	int r;

	r = pending_touch(p, &rec->hdr, &t);
	if (r >= 0)
		r = thread_span(p, t, rec->span, &span);
	if (r < 0 || span->turn || !pending_has_room(p, t, sizeof(*rec)))
		return r;
	span->turn = malloc(sizeof(*rec));
	if (!span->turn)
		return -ENOMEM;
	*span->turn = *rec;
	span->bytes += sizeof(*rec);
	p->bytes += sizeof(*rec);
	return 0;
}

const struct pending_span *pending__peek(const struct pending *p, const struct ls_rec_stall *rec)
{
	const struct pending_key key = { rec->hdr.tgid, rec->hdr.tid };
	const struct pending_thread *t;

	table__find(p->threads, &key, t);
	for (size_t i = 0; t && i < t->n_spans; i++)
		if (t->spans[i].number == rec->span)
			return &t->spans[i];
	return NULL;
}

/* Frees what holds only until the next look at an open span. */
static void span_drop_so_far(struct pending_span *span)
{
	size_t n = 0;

	span->bytes = 0;
	for (size_t i = 0; i < span->n_stacks; i++) {
		struct pending_stack *s = span->stacks[i];

		if (s->flags & LS_STACK_SO_FAR) {
			free(s);
			continue;
		}
		span->bytes += stack_bytes(s);
		span->stacks[n++] = s;
	}
	for (size_t i = 0; i < span->n_natives; i++)
		span->bytes += native_bytes(span->natives[i]->n_ips);
	span->n_stacks = n;
	for (size_t i = 0; i < HOLDER_KINDS; i++)
		free(TAKE_PTR(span->holders[i]));
	free(TAKE_PTR(span->maker));
	free(TAKE_PTR(span->turn));
	if (span->order)
		span->bytes += PENDING_MAX_ORDER * sizeof(*span->order);
	span->n_victims = 0;
	free(TAKE_PTR(span->victims));
}

int pending__put_back(struct pending *p, const struct ls_rec_hdr *hdr, struct pending_span *span)
{
	struct pending_span *slot;
	struct pending_thread *t;
	int r;

	span_drop_so_far(span);
	if (!span->n_stacks && !span->n_natives)
		return 0;
	r = pending_touch(p, hdr, &t);
	if (r >= 0)
		r = thread_span(p, t, span->number, &slot);
	if (r < 0)
		return r;
	*slot = *span;
	p->bytes += slot->bytes;
	memset(span, 0, sizeof(*span));
	return 0;
}

/* As many native stacks as there is room for. */
static void span_move_natives(struct pending_span *from, struct pending_span *to)
{
	while (from->n_natives && to->n_natives < PENDING_MAX_NATIVES)
		to->natives[to->n_natives++] = from->natives[--from->n_natives];
}

/* Moves the stacks that arrived since `start_ns` from one span to another. */
static int span_move_stacks(struct pending_span *from, uint64_t start_ns, struct pending_span *to)
{
	int r;

	for (size_t i = 0; i < from->n_stacks; i++) {
		if (from->stacks[i]->last_ns < start_ns)
			continue;
		r = ARRAY_RESERVE(to->stacks, to->n_allocated, to->n_stacks + 1);
		if (r)
			return r;
		to->stacks[to->n_stacks++] = TAKE_PTR(from->stacks[i]);
	}
	if (to->n_stacks)
		span_move_natives(from, to);
	return 0;
}

/* What came for the turn itself. */
static void span_move_turn(struct pending_span *from, struct pending_span *to)
{
	to->turn = TAKE_PTR(from->turn);
	to->maker = TAKE_PTR(from->maker);
	to->victims = TAKE_PTR(from->victims);
	to->n_victims = from->n_victims;
	from->n_victims = 0;
}

/* No step is open when a turn ends, so no later record can claim what is pending on its thread. */
static int thread_take_turn(struct pending *p, struct pending_thread *t, uint64_t start_ns,
			    struct pending_span *ret_span)
{
	int r = 0;

	for (size_t i = 0; i < t->n_spans && !r; i++) {
		if (t->spans[i].number == ret_span->number)
			span_move_turn(&t->spans[i], ret_span);
		r = span_move_stacks(&t->spans[i], start_ns, ret_span);
	}
	thread_drop_spans(p, t, t->n_spans);
	return r;
}

int pending__take(struct pending *p, const struct ls_rec_stall *rec, struct pending_span *ret_span)
{
	const struct pending_key key = { rec->hdr.tgid, rec->hdr.tid };
	struct pending_thread *t;

	memset(ret_span, 0, sizeof(*ret_span));
	ret_span->number = rec->span;
	table__find(p->threads, &key, t);
	if (!t)
		return 0;
	thread_age(p, t, rec->span);
	if (rec->unit == LS_UNIT_TURN)
		return thread_take_turn(p, t, rec->start_ns, ret_span);
	for (size_t i = 0; i < t->n_spans; i++) {
		if (t->spans[i].number != rec->span)
			continue;
		*ret_span = t->spans[i];
		p->bytes -= ret_span->bytes;
		t->n_spans--;
		memmove(t->spans + i, t->spans + i + 1, (t->n_spans - i) * sizeof(*t->spans));
		return 0;
	}
	return 0;
}
