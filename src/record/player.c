/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks through a file, chunk by chunk and record by record, up to its end or to the first damage.
 */
#include "record/player_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* The first damage counts: what follows it may be its consequence. */
__attribute__((format(printf, 3, 4))) static void damaged(struct player *p, uint64_t offset,
							  const char *fmt, ...)
{
	const uint64_t bytes = p->file.file_bytes;
	va_list args;
	int n;

	n = snprintf(p->damage, sizeof(p->damage), "cut at %u %% (byte %llu of %llu): ",
		     (unsigned int)((double)offset * 100 / (double)bytes),
		     (unsigned long long)offset, (unsigned long long)bytes);
	va_start(args, fmt);
	vsnprintf(p->damage + n, sizeof(p->damage) - (size_t)n, fmt, args);
	va_end(args);
}

static void told__free(struct told *t)
{
	if (!t)
		return;
	ring__done(&t->names);
	ring__done(&t->frames);
	ring__done(&t->coroutines);
	ring__done(&t->threads);
	ring__done(&t->loops);
	ring__done(&t->lives);
	task_list__done(&t->tasks);
	task_list__done(&t->next_tasks);
	free(t);
}

static struct told *told__new(void)
{
	struct told *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	ring__init(&t->names, sizeof(const char *), FORMAT_MAX_STRINGS);
	ring__init(&t->frames, sizeof(struct ls_frame), FORMAT_MAX_FRAMES);
	ring__init(&t->coroutines, sizeof(struct coroutine_input), FORMAT_MAX_COROUTINES);
	ring__init(&t->threads, sizeof(struct thread_input), FORMAT_MAX_THREADS);
	ring__init(&t->loops, sizeof(struct loop_input), FORMAT_MAX_THREADS);
	ring__init(&t->lives, sizeof(struct model_live), FORMAT_MAX_LIVE);
	return t;
}

/* The texts point into the cursor's data and have no NUL. */
static int read_pair(struct cursor *c, struct meta *meta)
{
	_cleanup_free_ char *key = NULL, *value = NULL;
	size_t n_key, n_value;
	const char *text;

	text = cursor__text(c, &n_key);
	key = strndup(text, n_key);
	text = cursor__text(c, &n_value);
	value = strndup(text, n_value);
	if (!key || !value)
		return -ENOMEM;
	return c->is_bad ? 0 : meta__set(meta, key, value);
}

static int read_body(struct player *p, const char *path, struct err *err)
{
	struct cursor c = { .at = p->file.body.data, .end = p->file.body.data + p->file.body.n };
	uint64_t n;
	int r = 0;

	if (!shape__get(&p->shape, &c))
		return err__set(
			err, -EPROTO,
			"%s was written by another loopstall, with more in it than this one knows",
			path);
	n = cursor__below(&c, FORMAT_MAX_NOTES + 1);
	for (uint64_t i = 0; r >= 0 && i < n; i++)
		r = read_pair(&c, &p->head_meta);
	if (r < 0)
		return err__set(err, r, "cannot read %s: %s", path, strerror(-r));
	if (c.is_bad)
		return err__set(err, -EBADMSG, "the beginning of %s is damaged", path);
	return 0;
}

int player__open(struct player **ret_player, const char *path, struct err *err)
{
	_cleanup_(player__freep) struct player *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err__set(err, -ENOMEM, "out of memory");
	p->file.fd = -1;
	if (strings__new(&p->pool, FORMAT_MAX_POOL_BYTES) < 0 ||
	    answers__new(&p->answers, FORMAT_MAX_ANSWERS) < 0)
		return err__set(err, -ENOMEM, "out of memory");
	r = chunk_reader__open(&p->file, path, err);
	if (r >= 0)
		r = read_body(p, path, err);
	if (r < 0)
		return r;
	r = player__rewind(p);
	if (r < 0)
		return err__set(err, r, "out of memory");
	*ret_player = TAKE_PTR(p);
	return 0;
}

void player__free(struct player *p)
{
	if (!p)
		return;
	chunk_reader__done(&p->file);
	told__free(p->told);
	answers__free(p->answers);
	strings__free(p->pool);
	meta__done(&p->head_meta);
	meta__done(&p->meta);
	free(p);
}

int player__rewind(struct player *p)
{
	struct told *fresh = told__new();

	if (!fresh)
		return -ENOMEM;
	told__free(p->told);
	p->told = fresh;
	answers__forget(p->answers);
	p->next_chunk = p->n_rows = 0;
	p->cursor = (struct cursor){};
	p->has_input = p->is_over = p->has_begun = p->is_known = false;
	p->at_ns = 0;
	p->damage[0] = '\0';
	if (p->file.fault)
		damaged(p, p->file.whole_bytes, "%s", p->file.fault);
	meta__done(&p->meta);
	return meta__copy(&p->meta, &p->head_meta);
}

/* 1, 0 if there is none, or -errno. */
static int begin_chunk(struct player *p)
{
	const char *fault;
	int r;

	if (p->next_chunk == p->file.n_chunks) {
		p->is_over = true;
		return 0;
	}
	r = chunk_reader__read(&p->file, p->next_chunk, &p->cursor, &fault);
	if (r == -EBADMSG) {
		damaged(p, p->file.chunks[p->next_chunk].offset, "%s", fault);
		p->is_over = true;
		return 0;
	}
	if (r < 0)
		return r;
	p->next_chunk++;
	p->at_ns = p->n_rows = 0;
	return 1;
}

/*
 * A record is invalid although its chunk's checksum is right: a faulty writer or a forged file. 0
 * or -ENOMEM.
 */
static int give_up(struct player *p)
{
	if (p->error < 0)
		return p->error;
	damaged(p, p->file.chunks[p->next_chunk - 1].offset, "the chunk makes no sense");
	p->is_over = true;
	return 0;
}

static int read_note(struct player *p)
{
	const int r = read_pair(&p->cursor, &p->meta);

	if (r != -E2BIG)
		return r;
	p->cursor.is_bad = true;
	return 0;
}

/* What follows was written for a reader that begins here. 0 or -errno. */
static int begin_anew(struct player *p)
{
	struct told *fresh = told__new();

	if (!fresh)
		return -ENOMEM;
	told__free(p->told);
	p->told = fresh;
	p->is_known = p->has_begun;
	return 0;
}

/* What is between the inputs. 0 or -errno. */
static int read_other(struct player *p, uint64_t kind)
{
	switch (kind) {
	case FORMAT_ANSWER:
		return player__answer(p);
	case FORMAT_TASK_ROW:
		return player__task_row(p);
	case FORMAT_NOTE:
		return read_note(p);
	case FORMAT_FORGET:
		answers__forget(p->answers);
		return 0;
	case FORMAT_ANEW:
		return begin_anew(p);
	case FORMAT_ANEW_END:
		p->is_known = false;
		return 0;
	default:
		p->cursor.is_bad = true;
		return 0;
	}
}

/* Advances to the next input. 1, 0 at the end, or -errno. */
static int seek_input(struct player *p)
{
	uint64_t kind;
	int r = 1;

	while (!p->has_input && !p->is_over && r > 0) {
		if (p->cursor.at == p->cursor.end) {
			r = begin_chunk(p);
			continue;
		}
		kind = cursor__varint(&p->cursor);
		if (kind > FORMAT_NONE && kind < FORMAT_N_INPUTS) {
			p->kind = (enum format_kind)kind;
			p->at_ns += (uint64_t)cursor__signed(&p->cursor);
			p->has_input = true;
			if (p->at_ns > FORMAT_MAX_TIME_NS)
				p->cursor.is_bad = true;
		} else {
			r = read_other(p, kind);
			r = r < 0 ? r : 1;
		}
		if (p->cursor.is_bad)
			r = give_up(p);
	}
	return r < 0 ? r : p->has_input && !p->is_over;
}

int player__peek(struct player *p, uint64_t *ret_at_ns)
{
	const int r = seek_input(p);

	if (r > 0)
		*ret_at_ns = p->at_ns;
	return r;
}

int player__next(struct player *p, struct model *model, uint64_t *ret_at_ns)
{
	uint64_t at_ns;
	int r = player__peek(p, &at_ns);

	if (r <= 0)
		return r;
	p->has_input = false;
	p->has_begun = true;
	r = player__input(p, model);
	if (p->cursor.is_bad)
		return give_up(p);
	if (r < 0)
		return r;
	if (ret_at_ns)
		*ret_at_ns = at_ns;
	return 1;
}

int player__until(struct player *p, struct model *model, uint64_t at_ns)
{
	uint64_t next_ns;
	int r;

	while ((r = player__peek(p, &next_ns)) > 0 && next_ns <= at_ns) {
		r = player__next(p, model, NULL);
		if (r <= 0)
			return r;
	}
	return r;
}

const struct meta *player__meta(const struct player *p)
{
	return &p->meta;
}

uint64_t player__first_ns(const struct player *p)
{
	return p->file.n_chunks ? p->file.chunks[0].first_ns : 0;
}

uint64_t player__last_ns(const struct player *p)
{
	return p->file.n_chunks ? p->file.chunks[p->file.n_chunks - 1].last_ns : 0;
}

const char *player__damage(const struct player *p)
{
	return *p->damage ? p->damage : NULL;
}

bool player__is_complete(const struct player *p)
{
	return p->file.is_complete;
}
