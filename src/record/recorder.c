/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Encodes the inputs, one function each. An input is its kind, the time since the previous one, and
 * what changed.
 */
#include "base/time.h"
#include "record/recorder_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * The longest time from a stack to its stall: the kernel emits both at once, but a drain may stop
 * in between.
 */
#define MAX_SPAN_NS (NS_PER_S / 4)

void recorder__begin_input(struct recorder *rec, enum format_kind kind, uint64_t at_ns)
{
	struct buffer *b = &rec->out.raw;

	if (rec->out.first_ns > rec->out.last_ns)
		rec->chunk_ns = at_ns;
	buffer__varint(b, kind);
	buffer__signed(b, chunk_writer__note_time(&rec->out, at_ns));
	rec->last_at_ns = at_ns;
}

int recorder__flush(struct recorder *rec)
{
	int r = recorder__write_head(rec);

	rec->n_rows = 0;
	return r < 0 ? r : chunk_writer__flush(&rec->out);
}

int recorder__breathe(struct recorder *rec)
{
	if (rec->out.raw.n < rec->soft_bytes)
		return 0;
	return recorder__flush(rec);
}

static bool is_chunk_due(const struct recorder *rec)
{
	/*
	 * A stall must be in the same chunk, and so in the same file, as its stacks. If it does not
	 * follow soon, it was lost.
	 */
	if (rec->is_in_span && rec->out.raw.n < 2 * rec->soft_bytes &&
	    rec->last_at_ns - rec->span_ns < MAX_SPAN_NS)
		return false;
	return rec->out.raw.n >= rec->soft_bytes || rec->n_rows >= FORMAT_MAX_ROWS / 2 ||
		rec->last_at_ns - rec->chunk_ns >= NS_PER_S;
}

int recorder__end_input(struct recorder *rec)
{
	int r;

	rec->is_asked = false;
	rec->question++;
	if (rec->error >= 0 && (rec->out.raw.is_bad || strings__is_short_of_memory(rec->pool)))
		rec->error = -ENOMEM;
	if (rec->error < 0)
		return rec->error;
	if (!is_chunk_due(rec))
		return 0;
	r = recorder__flush(rec);
	if (r >= 0)
		r = recorder__rotate_if_full(rec);
	rec->error = r < 0 ? r : 0;
	return rec->error;
}

void recorder__put_name(struct recorder *rec, const char *name)
{
	struct buffer *b = &rec->out.raw;
	const char *own;
	bool is_new;
	size_t slot;

	if (!name) {
		buffer__varint(b, 0);
		return;
	}
	own = strings__intern(rec->pool, name);
	slot = slots__get(rec->known->names, (uintptr_t)own, 0, &is_new);
	buffer__varint(b, is_new ? 1 : slot + 2);
	if (is_new)
		buffer__text(b, own);
}

static void put_frame(struct recorder *rec, const struct ls_frame *frame)
{
	struct buffer *b = &rec->out.raw;
	struct known *k = rec->known;
	bool is_new;
	size_t slot;

	slot = slots__get(k->frames, frame->code, frame->position, &is_new);
	buffer__varint(b, is_new ? 0 : slot + 1);
	if (!is_new)
		return;
	buffer__signed(b, (int64_t)(frame->code - k->frame.code));
	buffer__signed(b, (int64_t)(frame->position - k->frame.position));
	k->frame = *frame;
}

void recorder__put_frames(struct recorder *rec, const struct ls_frame *frames, size_t n)
{
	buffer__varint(&rec->out.raw, n);
	for (size_t i = 0; i < n; i++)
		put_frame(rec, &frames[i]);
}

/* Encodes `value` as its difference to `known`, then copies it there. */
static void put_fields(struct recorder *rec, enum fields_kind kind, const void *value, void *known,
		       size_t size)
{
	fields__put(&rec->out.raw, kind, value, known);
	memcpy(known, value, size);
}

static void put_stack(struct recorder *rec, const struct ls_rec_stack *stack)
{
	const size_t head = offsetof(struct ls_rec_stack, frames);

	put_fields(rec, FIELDS_EVENT_STACK, stack, &rec->known->event_stack, head);
	recorder__put_frames(rec, stack->frames, stack->n_frames);
}

/* Addresses are differences to the one before: most lie in the same module. */
static void put_native(struct recorder *rec, const struct ls_rec_native *native)
{
	struct known *k = rec->known;

	put_fields(rec, FIELDS_EVENT_NATIVE, native, &k->event_native,
		   offsetof(struct ls_rec_native, ips));
	for (size_t i = 0; i < native->n_ips; i++) {
		buffer__signed(&rec->out.raw, (int64_t)(native->ips[i] - k->native_ip));
		k->native_ip = native->ips[i];
	}
}

/* A record as an input of its own: its fields, as differences from the last one of its kind. */
#define PUT_RECORD(rec, kind, fields, at_ns, record, last)                                         \
	({                                                                                         \
		recorder__begin_input(rec, kind, at_ns);                                           \
		put_fields(rec, fields, record, last, sizeof(*(last)));                            \
	})

/* What ends what was known of addresses: another program, or none, may be there from now on. */
static void put_life(struct recorder *rec, uint64_t at_ns, const struct event *event)
{
	const bool is_exit = event->kind == LS_REC_EXIT;

	rec->epoch++;
	if (is_exit)
		recorder__thread_ends(rec, event->hdr->tgid, event->hdr->tid);
	PUT_RECORD(rec, is_exit ? FORMAT_EVENT_EXIT : FORMAT_EVENT_EXEC, FIELDS_EVENT_LIFE, at_ns,
		   event->life, &rec->known->event_life);
}

/* Whether it is one that the model takes. */
static bool put_event(struct recorder *rec, uint64_t at_ns, const struct event *event)
{
	struct known *k = rec->known;

	switch (event->kind) {
	case LS_REC_THREAD:
		recorder__thread_begins(rec, event->hdr->tgid, event->hdr->tid);
		PUT_RECORD(rec, FORMAT_EVENT_THREAD, FIELDS_EVENT_THREAD, at_ns, event->thread,
			   &k->event_thread);
		break;
	case LS_REC_STACK:
		recorder__begin_input(rec, FORMAT_EVENT_STACK, at_ns);
		put_stack(rec, event->stack);
		break;
	case LS_REC_VICTIM:
		PUT_RECORD(rec, FORMAT_EVENT_VICTIM, FIELDS_EVENT_VICTIM, at_ns, event->victim,
			   &k->event_victim);
		break;
	case LS_REC_TURN:
		PUT_RECORD(rec, FORMAT_EVENT_TURN, FIELDS_EVENT_TURN, at_ns, event->turn,
			   &k->event_turn);
		break;
	case LS_REC_STALL:
		PUT_RECORD(rec, FORMAT_EVENT_STALL, FIELDS_EVENT_STALL, at_ns, event->stall,
			   &k->event_stall);
		break;
	case LS_REC_EXEC:
	case LS_REC_EXIT:
		put_life(rec, at_ns, event);
		break;
	case LS_REC_NATIVE:
		recorder__begin_input(rec, FORMAT_EVENT_NATIVE, at_ns);
		put_native(rec, event->native);
		break;
	case LS_REC_FORK:
	case LS_REC_COPY:
	case LS_REC_CODE:
	case LS_REC_NONE:
	case LS_REC_MAX:
		return false;
	}
	return true;
}

int recorder__event(struct recorder *rec, uint64_t at_ns, const struct event *event)
{
	if (rec->error < 0)
		return rec->error;
	rec->is_in_span = event->kind == LS_REC_STACK || event->kind == LS_REC_VICTIM ||
		event->kind == LS_REC_NATIVE || event->kind == LS_REC_TURN;
	if (rec->is_in_span)
		rec->span_ns = at_ns;
	return put_event(rec, at_ns, event) ? recorder__end_input(rec) : 0;
}

struct reading_kind {
	enum format_kind kind;
	enum fields_kind fields;
	size_t size;
};

/*
 * One of a table of readings: its slot, and what changed since it was last written. Nothing is
 * written if nothing changed, unless the model has asked about it again or has dropped it.
 */
static void put_reading(struct recorder *rec, uint64_t at_ns, const struct reading_kind *kind,
			struct ring *ring, size_t slot, bool is_new, const void *value)
{
	void *known = ring__at(ring, slot);

	if (!known) {
		rec->error = -ENOMEM;
		return;
	}
	/* The epoch comes first in all of them. */
	if (!is_new && !rec->is_asked && *(const uint32_t *)known == rec->epoch &&
	    fields__is_same(kind->fields, value, known))
		return;
	if (is_new)
		memset(known, 0, kind->size);
	recorder__begin_input(rec, kind->kind, at_ns);
	buffer__varint(&rec->out.raw, is_new ? 0 : slot + 1);
	put_fields(rec, kind->fields, value, known, kind->size);
}

static uint64_t both(uint32_t high, uint32_t low)
{
	return (uint64_t)high << 32 | low;
}

int recorder__coroutine(struct recorder *rec, uint64_t at_ns, const struct ls_coro_key *key,
			const struct ls_coro_stats *stats)
{
	static const struct reading_kind kind = { FORMAT_COROUTINE, FIELDS_COROUTINE,
						  sizeof(struct coroutine_input) };
	const struct coroutine_input input = { .epoch = rec->epoch, .key = *key, .stats = *stats };
	struct known *k = rec->known;
	bool is_new;
	size_t slot;

	if (rec->error < 0)
		return rec->error;
	slot = slots__get(k->coroutine_slots, key->code, both(key->tgid, key->tid), &is_new);
	put_reading(rec, at_ns, &kind, &k->coroutines, slot, is_new, &input);
	return recorder__end_input(rec);
}

int recorder__thread(struct recorder *rec, uint64_t at_ns, uint32_t pid, uint32_t tid,
		     const struct ls_thread_stats *stats)
{
	static const struct reading_kind kind = { FORMAT_THREAD, FIELDS_THREAD,
						  sizeof(struct thread_input) };
	const struct thread_input input = {
		.epoch = rec->epoch, .pid = pid, .tid = tid, .stats = *stats
	};
	struct known *k = rec->known;
	bool is_new;
	size_t slot;

	if (rec->error < 0)
		return rec->error;
	slot = slots__get(k->thread_slots, both(pid, tid), 0, &is_new);
	put_reading(rec, at_ns, &kind, &k->threads, slot, is_new, &input);
	return recorder__end_input(rec);
}

/* NULL if there are too many; the model keeps fewer than that. */
static struct loss *find_loss(struct known *k, const char *name)
{
	size_t i;

	for (i = 0; i < k->n_losses; i++)
		if (!strcmp(k->losses[i].name, name))
			return &k->losses[i];
	if (i == FORMAT_MAX_LOSSES)
		return NULL;
	k->losses[k->n_losses++] = (struct loss){ .name = "" };
	return &k->losses[i];
}

int recorder__loss(struct recorder *rec, uint64_t at_ns, const char *name, const char *sentence,
		   uint64_t count)
{
	struct loss *l;

	if (rec->error < 0)
		return rec->error;
	l = find_loss(rec->known, name);
	if (!l || (*l->name && l->count == count && !strcmp(l->sentence, sentence)))
		return recorder__end_input(rec);
	*l = (struct loss){ .name = strings__intern(rec->pool, name),
			    .sentence = strings__intern(rec->pool, sentence),
			    .count = count };
	recorder__begin_input(rec, FORMAT_LOSS, at_ns);
	recorder__put_name(rec, l->name);
	recorder__put_name(rec, l->sentence);
	buffer__varint(&rec->out.raw, count);
	return recorder__end_input(rec);
}

int recorder__loop(struct recorder *rec, uint64_t at_ns, uint32_t pid, uint32_t tid,
		   const struct model_loop_info *info)
{
	struct loop_input input = { .epoch = rec->epoch, .pid = pid, .tid = tid, .info = *info };
	struct known *k = rec->known;
	struct loop_input *known;
	bool is_new;
	size_t slot;

	if (rec->error < 0)
		return rec->error;
	input.info.process = strings__intern(rec->pool, info->process ?: "");
	slot = slots__get(k->loop_slots, both(pid, tid), 0, &is_new);
	known = ring__at(&k->loops, slot);
	if (!known) {
		rec->error = -ENOMEM;
		return rec->error;
	}
	/* Equal texts share one pointer in the pool. */
	if (!is_new && known->epoch == rec->epoch && known->info.process == input.info.process &&
	    fields__is_same(FIELDS_LOOP, &input, known))
		return recorder__end_input(rec);
	if (is_new)
		memset(known, 0, sizeof(*known));
	recorder__begin_input(rec, FORMAT_LOOP, at_ns);
	buffer__varint(&rec->out.raw, is_new ? 0 : slot + 1);
	put_fields(rec, FIELDS_LOOP, &input, known, sizeof(*known));
	recorder__put_name(rec, input.info.process);
	return recorder__end_input(rec);
}

int recorder__log(struct recorder *rec, uint64_t now_ns, enum log_grade grade, uint32_t pid,
		  const char *text)
{
	if (rec->error < 0)
		return rec->error;
	recorder__begin_input(rec, FORMAT_LOG, now_ns);
	buffer__varint(&rec->out.raw, grade);
	buffer__varint(&rec->out.raw, pid);
	buffer__text(&rec->out.raw, text);
	return recorder__end_input(rec);
}

int recorder__tick(struct recorder *rec, uint64_t now_ns)
{
	if (rec->error < 0)
		return rec->error;
	recorder__end_final(rec);
	recorder__begin_input(rec, FORMAT_TICK, now_ns);
	return recorder__end_input(rec);
}

int recorder__reset(struct recorder *rec, uint64_t at_ns)
{
	if (rec->error < 0)
		return rec->error;
	rec->epoch++;
	recorder__begin_input(rec, FORMAT_RESET, at_ns);
	return recorder__end_input(rec);
}

/* Capped at what the model accepts. */
static size_t frames_of(const struct model_live *live)
{
	return live->n_frames < LS_MAX_FRAMES ? live->n_frames : LS_MAX_FRAMES;
}

static size_t holder_frames_of(const struct model_live *live)
{
	return live->n_holder_frames < LS_MAX_FRAMES ? live->n_holder_frames : LS_MAX_FRAMES;
}

static bool are_same_frames(const struct ls_frame *a, const struct ls_frame *b, size_t n)
{
	return n == 0 || !memcmp(a, b, n * sizeof(*a));
}

static void keep_frames(struct ls_frame *kept, const struct ls_frame *frames, size_t n)
{
	if (n)
		memcpy(kept, frames, n * sizeof(*frames));
}

static bool is_same_live(const struct kept_live *kept, const struct model_live *live)
{
	return fields__is_same(FIELDS_LIVE, &kept->live, live) &&
		kept->live.n_frames == frames_of(live) &&
		are_same_frames(kept->frames, live->frames, frames_of(live)) &&
		are_same_frames(kept->holder_frames, live->holder_frames, holder_frames_of(live));
}

static bool are_same_live(const struct known *k, const struct model_live *live, size_t n)
{
	if (k->n_live != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_same_live(&k->live[i], &live[i]))
			return false;
	return true;
}

static int keep_live(struct known *k, const struct model_live *live, size_t n)
{
	if (n > k->max_live) {
		struct kept_live *kept = reallocarray(k->live, n, sizeof(*kept));

		if (!kept)
			return -ENOMEM;
		memset(kept + k->max_live, 0, (n - k->max_live) * sizeof(*kept));
		k->live = kept;
		k->max_live = n;
	}
	for (size_t i = 0; i < n; i++) {
		k->live[i].live = live[i];
		k->live[i].live.n_frames = frames_of(&live[i]);
		keep_frames(k->live[i].frames, live[i].frames, frames_of(&live[i]));
		keep_frames(k->live[i].holder_frames, live[i].holder_frames,
			    holder_frames_of(&live[i]));
	}
	k->n_live = n;
	return 0;
}

int recorder__live(struct recorder *rec, uint64_t at_ns, const struct model_live *live, size_t n)
{
	static const struct model_live none;
	struct known *k = rec->known;

	if (n > FORMAT_MAX_LIVE)
		n = FORMAT_MAX_LIVE;
	if (rec->error < 0)
		return rec->error;
	if (!rec->is_asked && are_same_live(k, live, n))
		return recorder__end_input(rec);
	recorder__begin_input(rec, FORMAT_LIVE, at_ns);
	buffer__varint(&rec->out.raw, n);
	for (size_t i = 0; i < n; i++) {
		fields__put(&rec->out.raw, FIELDS_LIVE, &live[i],
			    i < k->n_live ? &k->live[i].live : &none);
		recorder__put_frames(rec, live[i].frames, frames_of(&live[i]));
		if (live[i].n_holder_frames)
			recorder__put_frames(rec, live[i].holder_frames,
					     holder_frames_of(&live[i]));
	}
	if (keep_live(k, live, n) < 0)
		rec->error = -ENOMEM;
	return recorder__end_input(rec);
}

int recorder__note(struct recorder *rec, const char *key, const char *value)
{
	const char *before = meta__get(&rec->meta, key);
	int r;

	if (rec->error < 0)
		return rec->error;
	if (before && !strcmp(before, value))
		return 0;
	r = meta__set(&rec->meta, key, value);
	/* Until the head is written, notes go into it. That of a copy of the ring comes last. */
	if (r < 0 || rec->fd >= 0 || rec->opts.ring_ns)
		return r;
	buffer__varint(&rec->out.raw, FORMAT_NOTE);
	buffer__text(&rec->out.raw, key);
	buffer__text(&rec->out.raw, value);
	return 0;
}
