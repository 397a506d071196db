/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arrays are copied one by one; victims' names, too: they change with each stall.
 */
#include "view/frozen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct frozen {
	struct snapshot snapshot;
	struct stall *stalls;
	const struct stall **stall_list;
	struct victim_row *victims;
	char **names;
	void *arrays[6];
	size_t n_arrays;
};

/* The array itself if it is empty, NULL if there is no memory. */
static const void *copy_array(struct frozen *f, const void *array, size_t n, size_t size)
{
	void *copy;

	if (n == 0)
		return array;
	copy = reallocarray(NULL, n, size);
	if (copy)
		f->arrays[f->n_arrays++] = memcpy(copy, array, n * size);
	return copy;
}

#define COPY_ARRAY(f, s, array, n)                                                                 \
	(((f)->snapshot.array = copy_array(f, (s)->array, (s)->n, sizeof((s)->array[0]))) ||       \
	 (s)->n == 0)

static int copy_stalls(struct frozen *f, const struct snapshot *s)
{
	size_t i;

	f->stalls = calloc(s->n_stalls + 1, sizeof(*f->stalls));
	f->stall_list = calloc(s->n_stalls + 1, sizeof(*f->stall_list));
	if (!f->stalls || !f->stall_list)
		return -ENOMEM;
	for (i = 0; i < s->n_stalls; i++) {
		f->stalls[i] = *s->stall_list[i];
		f->stall_list[i] = &f->stalls[i];
	}
	f->snapshot.stall_list = f->stall_list;
	return 0;
}

static int copy_victims(struct frozen *f, const struct snapshot *s)
{
	size_t i;

	f->victims = calloc(s->n_victims + 1, sizeof(*f->victims));
	f->names = calloc(s->n_victims + 1, sizeof(*f->names));
	if (!f->victims || !f->names)
		return -ENOMEM;
	for (i = 0; i < s->n_victims; i++) {
		f->victims[i] = s->victims[i];
		f->names[i] = strdup(s->victims[i].name);
		if (!f->names[i])
			return -ENOMEM;
		f->victims[i].name = f->names[i];
	}
	f->snapshot.victims = f->victims;
	return 0;
}

int frozen__new(struct frozen **ret_frozen, const struct snapshot *snapshot)
{
	struct frozen *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->snapshot = *snapshot;
	if (!COPY_ARRAY(f, snapshot, rows, n_rows) || !COPY_ARRAY(f, snapshot, losses, n_losses) ||
	    !COPY_ARRAY(f, snapshot, sites, n_sites) || !COPY_ARRAY(f, snapshot, loops, n_loops) ||
	    !COPY_ARRAY(f, snapshot, live, n_live) || !COPY_ARRAY(f, snapshot, seconds, n_seconds) ||
	    copy_stalls(f, snapshot) != 0 || copy_victims(f, snapshot) != 0) {
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
	for (i = 0; f->names && i < f->snapshot.n_victims; i++)
		free(f->names[i]);
	for (i = 0; i < f->n_arrays; i++)
		free(f->arrays[i]);
	free(f->names);
	free(f->victims);
	free(f->stalls);
	free(f->stall_list);
	free(f);
}

const struct snapshot *frozen__snapshot(const struct frozen *f)
{
	return &f->snapshot;
}
