// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Tasks counted one by one: a hash table in an array, which user space reads in place. A task is
 * within TASK_PLACES elements after its hash, so an element can be freed without a marker. Threads
 * compete only for free elements. With LOOPSTALL_HOSTED this file is ordinary C, which the unit
 * tests include.
 */
#ifndef LOOPSTALL_HOSTED
#include "core/maps.h"
#endif
#include "python/task_table.h"

#include "arch/regs.h"

/* With half of the table in use, one new task in 65000 finds no room. */
#define TASK_PLACES 16
/*
 * gi_frame_state, the last byte of the word before the frame: more than 0 is over, from 3.15 on 5
 * (cpython: Include/internal/pycore_frame.h)
 */
#define GEN_STATE_BEFORE 5

/* The i-th place where the current task may be. */
static __always_inline struct ls_task *task_place(const struct thread_state *ts, __u32 i)
{
	__u32 hash = ((__u32)(ts->cur.task >> 4) + ts->tid * 0x85ebca6b) * 0x9e3779b1;
	__u32 index = ((hash >> 16) + i) & (LS_MAX_TASKS - 1);

	return bpf_map_lookup_elem(&tasks, &index);
}

static __always_inline struct ls_task *task_find(const struct thread_state *ts)
{
	__u32 i;

	for (i = 0; i < TASK_PLACES; i++) {
		struct ls_task *task = task_place(ts, i);

		if (task && task->key.task == ts->cur.task && task->key.tid == ts->tid)
			return task;
	}
	return NULL;
}

static __always_inline struct ls_task *task_claim(const struct thread_state *ts)
{
	__u32 i;

	for (i = 0; i < TASK_PLACES; i++) {
		struct ls_task *task = task_place(ts, i);

		if (!task || __sync_val_compare_and_swap(&task->key.task, 0, ts->cur.task))
			continue;
		task->key.tgid = ts->tgid;
		task->key.tid = ts->tid;
		return task;
	}
	return NULL;
}

/*
 * Without room the task that ran longest ago is replaced: of many sleepers and a few running tasks,
 * the running ones are counted. Only elements of this thread.
 */
static __always_inline struct ls_task *task_oldest(const struct thread_state *ts)
{
	struct ls_task *oldest = NULL;
	__u32 i;

	for (i = 0; i < TASK_PLACES; i++) {
		struct ls_task *task = task_place(ts, i);

		if (task && task->key.tid == ts->tid &&
		    (!oldest || task->stats.last_end_ns < oldest->stats.last_end_ns))
			oldest = task;
	}
	return oldest;
}

/*
 * A free element is all zero, so that the numbers of one task are never seen under the name of
 * another.
 */
static __always_inline void task_free(struct ls_task *task)
{
	__builtin_memset(&task->stats, 0, sizeof(task->stats));
	task->key.tgid = 0;
	task->key.tid = 0;
	store_release(&task->key.task, 0);
}

/*
 * A finished task is removed: finished ones would fill the table, and a new task at the same
 * address would inherit the counts.
 */
static __always_inline int task_is_done(const struct thread_state *ts)
{
	__u32 state = 0;
	__s8 frame_state = 0;

	if (ts->cur.is_python) {
		/* Up to 3.10 a coroutine that has ended has no frame. */
		if (ts->proc.py.at.gen_iframe == LS_PY_NONE)
			return !read_ptr(ts->cur.coro + ts->proc.py.at.gen_frame);
		return !read_user(&frame_state, 1,
				  ts->cur.coro + ts->proc.py.at.gen_iframe - GEN_STATE_BEFORE) &&
			(ts->proc.py.at.minor < 15 ? frame_state > 0 : frame_state == 5);
	}
	return !read_user(&state, sizeof(state), ts->cur.task + ts->proc.py.at.task_state) && state;
}

LS_SUBPROG int task_count(struct thread_state *ts, __u64 duration_ns, __u64 now_ns, __u32 is_stall)
{
	struct ls_task *task;

	if (!ts || !ts->cur.task)
		return 0;
	task = task_find(ts);
	if (task_is_done(ts)) {
		if (task)
			task_free(task);
		return 0;
	}
	if (!task) {
		task = task_claim(ts);
		if (!task) {
			count_loss(LS_LOSS_TASK_MAP);
			task = task_oldest(ts);
			if (!task)
				return 0;
			task_free(task);
			task = task_claim(ts);
			if (!task)
				return 0;
		}
	}
	if (task->stats.coro != ts->cur.coro) {
		__builtin_memset(&task->stats, 0, sizeof(task->stats));
		task->stats.coro = ts->cur.coro;
	}
	task->stats.steps++;
	task->stats.total_ns += duration_ns;
	if (duration_ns > task->stats.max_ns)
		task->stats.max_ns = duration_ns;
	task->stats.stalls += is_stall;
	task->stats.last_end_ns = now_ns;
	return 0;
}
