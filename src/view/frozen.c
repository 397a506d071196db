/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arrays are copied one by one, and with them what does not live as long as the model: the names of victims, what is known
 * of tasks, the lines of the log.
 */
#include "view/frozen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct frozen {
	struct snapshot snapshot;
	void **copies;
	size_t n_copies, copies_size;
};

/* Owned by `f`; NULL if there is no memory, and for nothing. */
static void *copy(struct frozen *f, const void *from, size_t n, size_t size)
{
	size_t slots = f->copies_size ? 2 * f->copies_size : 64;
	void **copies, *made;

	if (f->n_copies == f->copies_size) {
		copies = reallocarray(f->copies, slots, sizeof(*copies));
		if (!copies)
			return NULL;
		f->copies = copies;
		f->copies_size = slots;
	}
	made = n > 0 ? reallocarray(NULL, n, size) : NULL;
	if (made)
		f->copies[f->n_copies++] = memcpy(made, from, n * size);
	return made;
}

static int copy_text(struct frozen *f, const char **text)
{
	if (!*text)
		return 0;
	*text = copy(f, *text, strlen(*text) + 1, 1);
	return *text ? 0 : -ENOMEM;
}

#define COPY_ARRAY(f, array, n)                                                                    \
	((n) == 0 || ((array) = copy(f, array, n, sizeof((array)[0]))) != NULL)

static int copy_stalls(struct frozen *f, struct snapshot *s)
{
	const struct stall **list;
	size_t i;

	if (s->n_stalls == 0)
		return 0;
	list = copy(f, s->stall_list, s->n_stalls, sizeof(*list));
	for (i = 0; list && i < s->n_stalls; i++) {
		list[i] = copy(f, list[i], 1, sizeof(*list[i]));
		if (!list[i])
			return -ENOMEM;
	}
	s->stall_list = list;
	return list ? 0 : -ENOMEM;
}

static int copy_victims(struct frozen *f, struct snapshot *s)
{
	struct victim_row *rows = copy(f, s->victims, s->n_victims, sizeof(*rows));
	size_t i;

	for (i = 0; rows && i < s->n_victims; i++)
		if (copy_text(f, &rows[i].name) != 0)
			return -ENOMEM;
	s->victims = rows;
	return rows || s->n_victims == 0 ? 0 : -ENOMEM;
}

static int copy_tasks(struct frozen *f, struct snapshot *s)
{
	struct task_row *rows = copy(f, s->tasks, s->n_tasks, sizeof(*rows));
	size_t i;

	for (i = 0; rows && i < s->n_tasks; i++)
		if (copy_text(f, &rows[i].name) != 0 || copy_text(f, &rows[i].waits_for) != 0 ||
		    !COPY_ARRAY(f, rows[i].stack, rows[i].n_frames))
			return -ENOMEM;
	s->tasks = rows;
	return rows || s->n_tasks == 0 ? 0 : -ENOMEM;
}

static int copy_log(struct frozen *f, struct snapshot *s)
{
	struct log_row *rows = copy(f, s->log, s->n_log, sizeof(*rows));
	size_t i;

	for (i = 0; rows && i < s->n_log; i++)
		if (copy_text(f, &rows[i].text) != 0)
			return -ENOMEM;
	s->log = rows;
	return rows || s->n_log == 0 ? 0 : -ENOMEM;
}

int frozen__new(struct frozen **ret_frozen, const struct snapshot *snapshot)
{
	struct frozen *f = calloc(1, sizeof(*f));
	struct snapshot *s;

	if (!f)
		return -ENOMEM;
	s = &f->snapshot;
	*s = *snapshot;
	if (!COPY_ARRAY(f, s->rows, s->n_rows) || !COPY_ARRAY(f, s->losses, s->n_losses) ||
	    !COPY_ARRAY(f, s->sites, s->n_sites) || !COPY_ARRAY(f, s->payers, s->n_payers) ||
	    !COPY_ARRAY(f, s->loops, s->n_loops) || !COPY_ARRAY(f, s->live, s->n_live) ||
	    !COPY_ARRAY(f, s->seconds, s->n_seconds) || copy_stalls(f, s) != 0 ||
	    copy_victims(f, s) != 0 || copy_tasks(f, s) != 0 || copy_log(f, s) != 0) {
		frozen__free(f);
		return -ENOMEM;
	}
	*ret_frozen = f;
	return 0;
}

void frozen__free(struct frozen *f)
{
	size_t i;

	if (!f)
		return;
	for (i = 0; i < f->n_copies; i++)
		free(f->copies[i]);
	free(f->copies);
	free(f);
}

const struct snapshot *frozen__snapshot(const struct frozen *f)
{
	return &f->snapshot;
}
