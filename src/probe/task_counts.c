/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads and frees elements by the rules of bpf/python/task_table.bpf.c: key.task is the last to
 * become 0, and what is free is all zero.
 */
#include "probe/task_counts.h"

#include <string.h>

int task_counts__each(const struct ls_task *tasks, probe_task_fn fn, void *ctx)
{
	for (size_t i = 0; i < LS_MAX_TASKS; i++) {
		const volatile struct ls_task *task = &tasks[i];
		struct ls_task copy;
		int r;

		if (!__atomic_load_n(&task->key.task, __ATOMIC_ACQUIRE))
			continue;
		copy = *task;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		/* A task that begins or ends at this moment is half there. */
		if (!copy.key.tid || task->key.task != copy.key.task ||
		    task->key.tid != copy.key.tid)
			continue;
		r = fn(ctx, &copy.key, &copy.stats);
		if (r)
			return r;
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

void task_counts__remove(struct ls_task *tasks, uint32_t tgid)
{
	for (size_t i = 0; i < LS_MAX_TASKS; i++)
		if (tasks[i].key.task && (!tgid || tasks[i].key.tgid == tgid))
			task_free(&tasks[i]);
}
