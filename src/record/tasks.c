/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See tasks.h.
 */
#include "record/tasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "record/format.h"
#include "record/buffer.h"

static const char *copy_text(char **at, const char *text, size_t n)
{
	char *copy = *at;

	memcpy(copy, text, n);
	copy[n] = '\0';
	*at += n + 1;
	return copy;
}

struct kept_task *kept_task__new(const struct model_task *task)
{
	const char *name = task->name ?: "", *waits_for = task->waits_for ?: "";
	const size_t n_name = text__fit(name, FORMAT_MAX_TEXT_BYTES);
	const size_t n_waits = text__fit(waits_for, FORMAT_MAX_TEXT_BYTES);
	const size_t frame_bytes = task->n_frames * sizeof(*task->frames);
	struct kept_task *kept = malloc(sizeof(*kept) + frame_bytes + n_name + n_waits + 2);
	char *at;

	if (!kept)
		return NULL;
	kept->task = *task;
	at = kept->data + frame_bytes;
	if (frame_bytes)
		memcpy(kept->data, task->frames, frame_bytes);
	kept->task.frames = (const struct ls_frame *)(const void *)kept->data;
	kept->task.name = copy_text(&at, name, n_name);
	kept->task.waits_for = copy_text(&at, waits_for, n_waits);
	return kept;
}

bool kept_task__has_frames(const struct kept_task *kept, const struct model_task *task)
{
	return kept->task.n_frames == task->n_frames &&
		(task->n_frames == 0 ||
		 !memcmp(kept->task.frames, task->frames, task->n_frames * sizeof(*task->frames)));
}

bool kept_task__has_name(const struct kept_task *kept, const struct model_task *task)
{
	return !strcmp(kept->task.name, task->name ?: "");
}

bool kept_task__has_waits_for(const struct kept_task *kept, const struct model_task *task)
{
	return !strcmp(kept->task.waits_for, task->waits_for ?: "");
}

void task_list__done(struct task_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->rows[i]);
	free(l->rows);
	*l = (struct task_list){};
}

int task_list__add(struct task_list *l, struct kept_task *row)
{
	if (!row)
		return -ENOMEM;
	if (ARRAY_RESERVE(l->rows, l->max, l->n + 1) < 0) {
		free(row);
		return -ENOMEM;
	}
	l->rows[l->n++] = row;
	return 0;
}

struct kept_task *task_list__take(struct task_list *l, size_t index)
{
	struct kept_task *row = l->rows[index];

	l->rows[index] = NULL;
	return row;
}

struct model_task *task_list__plain(const struct task_list *l)
{
	struct model_task *tasks = calloc(l->n + 1, sizeof(*tasks));

	for (size_t i = 0; tasks && i < l->n; i++)
		tasks[i] = l->rows[i]->task;
	return tasks;
}
