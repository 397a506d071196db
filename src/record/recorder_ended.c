/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ended threads: the next file of a rotation need not begin with their readings, nor with answers
 * about processes that are gone. So the recorder's memory stays that of one file, however many
 * workers come and go in days.
 */
#include "base/array.h"
#include "record/recorder_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

static struct ended_thread *find(const struct recorder *rec, uint32_t pid, uint32_t tid)
{
	for (size_t i = 0; i < rec->n_ended; i++)
		if (rec->ended[i].pid == pid && rec->ended[i].tid == tid)
			return &rec->ended[i];
	return NULL;
}

void recorder__thread_begins(struct recorder *rec, uint32_t pid, uint32_t tid)
{
	struct ended_thread *t = find(rec, pid, tid);

	if (t)
		*t = rec->ended[--rec->n_ended];
}

void recorder__thread_ends(struct recorder *rec, uint32_t pid, uint32_t tid)
{
	if (!rec->opts.max_bytes || rec->n_ended == FORMAT_MAX_THREADS || find(rec, pid, tid))
		return;
	/* Without memory the reading is written again in the next file, which does no harm. */
	if (ARRAY_RESERVE(rec->ended, rec->ended_size, rec->n_ended + 1) < 0)
		return;
	rec->ended[rec->n_ended++] = (struct ended_thread){ .pid = pid, .tid = tid };
}

void recorder__end_final(struct recorder *rec)
{
	for (size_t i = 0; i < rec->n_ended; i++)
		rec->ended[i].is_final = true;
}

bool recorder__has_ended(const struct recorder *rec, uint32_t pid, uint32_t tid)
{
	const struct ended_thread *t = find(rec, pid, tid);

	return t && t->is_final;
}

/* A process ends with its leader thread, or soon after. */
static int keep_alive_answers(struct recorder *rec, struct answers *fresh)
{
	struct answer *a = NULL, *copy;

	while ((a = answers__next(rec->answers, a))) {
		if (a->key.pid && recorder__has_ended(rec, a->key.pid, a->key.pid))
			continue;
		copy = answers__add(fresh, &a->key);
		if (!copy)
			return -ENOMEM;
		*copy = *a;
	}
	return 0;
}

int recorder__forget_answers(struct recorder *rec)
{
	_cleanup_(answers__freep) struct answers *fresh = NULL;
	struct answers *old = rec->answers;
	int r;

	if (!rec->n_ended)
		return 0;
	r = answers__new(&fresh, FORMAT_MAX_ANSWERS);
	if (r >= 0)
		r = keep_alive_answers(rec, fresh);
	if (r < 0)
		return r;
	rec->answers = TAKE_PTR(fresh);
	answers__free(old);
	return 0;
}

void recorder__forget_ends(struct recorder *rec)
{
	size_t n = 0;

	for (size_t i = 0; i < rec->n_ended; i++)
		if (!rec->ended[i].is_final)
			rec->ended[n++] = rec->ended[i];
	rec->n_ended = n;
}
