/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of a process's tasks. Names and frames lie in chunks, which stay where they are while
 * more are added.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "process/target.h"

#define CHUNK_BYTES ((size_t)64 << 10) /* more than any name or await chain has */

static void drop_chunks(struct target_tasks *tasks)
{
	while (tasks->n_chunks)
		free(tasks->chunks[--tasks->n_chunks]);
}

int target_tasks__begin(struct target_tasks *tasks, size_t n)
{
	drop_chunks(tasks);
	tasks->n = tasks->total = 0;
	return ARRAY_RESERVE(tasks->list, tasks->size, n);
}

/* A copy of `data`, NULL without memory; aligned for frames. */
static const void *keep(struct target_tasks *tasks, const void *data, size_t bytes)
{
	const size_t room = (bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t);
	char *kept;

	if (room > CHUNK_BYTES)
		return NULL;
	if (!tasks->n_chunks || CHUNK_BYTES - tasks->chunk_used < room) {
		if (ARRAY_RESERVE(tasks->chunks, tasks->chunks_size, tasks->n_chunks + 1))
			return NULL;
		tasks->chunks[tasks->n_chunks] = malloc(CHUNK_BYTES);
		if (!tasks->chunks[tasks->n_chunks])
			return NULL;
		tasks->n_chunks++;
		tasks->chunk_used = 0;
	}
	kept = tasks->chunks[tasks->n_chunks - 1] + tasks->chunk_used;
	tasks->chunk_used += room;
	memcpy(kept, data, bytes);
	return kept;
}

static const char *keep_text(struct target_tasks *tasks, const char *text)
{
	return *text ? keep(tasks, text, strlen(text) + 1) : "";
}

static const struct ls_frame *keep_frames(struct target_tasks *tasks,
					  const struct target_task *task,
					  const struct target_task *last)
{
	static const struct ls_frame none;
	const size_t bytes = task->n_frames * sizeof(*task->frames);

	if (!bytes)
		return &none;
	if (last && last->n_frames >= task->n_frames && !memcmp(last->frames, task->frames, bytes))
		return last->frames;
	return keep(tasks, task->frames, bytes);
}

int target_tasks__add(struct target_tasks *tasks, const struct target_task *task)
{
	const struct target_task *last = tasks->n ? &tasks->list[tasks->n - 1] : NULL;
	struct target_task kept = *task;

	kept.name = keep_text(tasks, task->name);
	kept.waits_for = last && !strcmp(last->waits_for, task->waits_for) ?
		last->waits_for :
		keep_text(tasks, task->waits_for);
	kept.frames = keep_frames(tasks, task, last);
	if (!kept.name || !kept.waits_for || !kept.frames ||
	    ARRAY_RESERVE(tasks->list, tasks->size, tasks->n + 1))
		return -ENOMEM;
	tasks->list[tasks->n++] = kept;
	return 0;
}

void target_tasks__done(struct target_tasks *tasks)
{
	drop_chunks(tasks);
	free(tasks->chunks);
	free(tasks->list);
	*tasks = (struct target_tasks){ 0 };
}
