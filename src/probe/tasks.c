/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads and frees elements by the rules of bpf/tasks.bpf.c: key.task is the last to become 0, and what is free is all zero.
 */
#include "probe/tasks.h"

#include <string.h>

int tasks__each(const struct ls_task *tasks, probe_task_fn fn, void *ctx)
{
	for (size_t i = 0; i < LS_MAX_TASKS; i++) {
		const volatile struct ls_task *task = &tasks[i];
		struct ls_task copy;
		int code;

		if (!task->key.task)
			continue;
		copy = *task;
		/* A task that begins or ends at this moment is half there. */
		if (!copy.key.tid || task->key.task != copy.key.task || task->key.tid != copy.key.tid)
			continue;
		code = fn(ctx, &copy.key, &copy.stats);
		if (code)
			return code;
	}
	return 0;
}

static void task_free(struct ls_task *task)
{
	memset(&task->stats, 0, sizeof(task->stats));
	task->key.tgid = 0;
	task->key.tid = 0;
	__atomic_store_n(&task->key.task, 0, __ATOMIC_RELEASE);
}

void tasks__forget(struct ls_task *tasks, uint32_t tgid)
{
	for (size_t i = 0; i < LS_MAX_TASKS; i++)
		if (tasks[i].key.task && (!tgid || tasks[i].key.tgid == tgid))
			task_free(&tasks[i]);
}
