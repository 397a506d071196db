/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of tasks that was last passed to the model. Recorder and player both keep it, so that
 * the next list is encoded as the changes.
 */
#ifndef LOOPSTALL_RECORD_TASKS_H
#define LOOPSTALL_RECORD_TASKS_H

#include <stdbool.h>
#include <stddef.h>

#include "model/model.h"

/* One row with everything it points to in one allocation. */
struct kept_task {
	struct model_task task;
	char data[]; /* frames, then texts */
};

struct task_list {
	size_t n, max;
	struct kept_task **rows; /* NULL: moved to the next list */
};

/* A copy; texts that are NULL become "". NULL without memory. */
struct kept_task *kept_task__new(const struct model_task *task);
bool kept_task__has_frames(const struct kept_task *kept, const struct model_task *task);
bool kept_task__has_name(const struct kept_task *kept, const struct model_task *task);
bool kept_task__has_waits_for(const struct kept_task *kept, const struct model_task *task);

void task_list__done(struct task_list *l);
/*
 * Appends a row, which then belongs to the list, also on failure. A NULL row is -ENOMEM. 0 or
 * -ENOMEM.
 */
int task_list__add(struct task_list *l, struct kept_task *row);
/* Moves a row to the caller; NULL if it was moved before. */
struct kept_task *task_list__take(struct task_list *l, size_t index);
/* The tasks in the form the model takes them; to be freed. NULL without memory. */
struct model_task *task_list__plain(const struct task_list *l);

#endif
