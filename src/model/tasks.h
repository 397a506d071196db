/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tasks of the last reading: which run, which wait, and for which other task. The process kept
 * running while it was read, so the data may be inconsistent: duplicates are dropped and cycles are
 * cut.
 */
#ifndef LOOPSTALL_MODEL_TASKS_H
#define LOOPSTALL_MODEL_TASKS_H

#include "model/model.h"

#define TASKS_MAX LS_MAX_TASKS

struct task_known;

struct tasks {
	uint64_t alive; /* as of the last reading */
	uint64_t looked_ns; /* when the rows were read, 0: never */
	uint64_t refused;
	size_t n_rows;
	struct task_row *rows;
	size_t n_known;
	struct task_known *known; /* one per row, in the same order */
	struct task_known *table; /* over `known`, by process and address */
	/* What the rows point to. */
	struct model_frame *frames;
	char *text;
};

/* See model__tasks(). */
int tasks__look(struct tasks *t, const struct resolver *resolver, uint64_t now_ns,
		const struct model_task *tasks, size_t n, uint64_t alive);
void tasks__rows(const struct tasks *t, struct snapshot *ret_snapshot);
void tasks__done(struct tasks *t);

#endif
