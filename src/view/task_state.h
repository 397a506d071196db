/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a task is doing, as it is shown; and since when it does nothing.
 */
#ifndef LOOPSTALL_VIEW_TASK_STATE_H
#define LOOPSTALL_VIEW_TASK_STATE_H

#include "model/model.h"
#include "view/canvas.h"

struct task_state {
	const char *word, *utf8, *ascii;
	enum canvas_attr attr;
};

static inline const struct task_state *task__state(const struct task_row *task)
{
	/* A ready one waits for the loop: it is the one that starves. */
	static const struct task_state states[] = {
		[MODEL_TASK_WAITING] = { "waiting", "\u00b7", ".", ATTR_DIM },
		[MODEL_TASK_READY] = { "ready", "\u25c6", "+", ATTR_WARN },
		[MODEL_TASK_RUNNING] = { "running", "\u25b6", ">", ATTR_GOOD },
	};

	return &states[task->state];
}

/* The end of its last step; if its steps are not counted, when it was first seen. */
static inline uint64_t task__idle_since(const struct task_row *task)
{
	return task->last_end_ns ? task->last_end_ns : task->seen_ns;
}

#endif
