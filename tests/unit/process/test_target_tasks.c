/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of tasks: copies that stay, and no more memory than they need.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "process/target.h"

#define N_MANY 20000
#define N_FRAMES 3

static struct ls_frame frames[TARGET_TASK_FRAMES];
static char name[128], waits_for[48];

/* Task `i`; it changes with the next one. */
static const struct target_task *make(size_t i, uint8_t n_frames, const char *type)
{
	static struct target_task task;

	for (size_t k = 0; k < TARGET_TASK_FRAMES; k++)
		frames[k] = (struct ls_frame){ 0x1000 + k, i };
	snprintf(name, sizeof(name), "task %zu", i);
	snprintf(waits_for, sizeof(waits_for), "%s", type);
	task = (struct target_task){ .task = i,
				     .n_frames = n_frames,
				     .frames = frames,
				     .name = name,
				     .waits_for = waits_for };
	return &task;
}

Test(list_of_tasks, what_they_point_to_stays)
{
	struct target_tasks tasks = { 0 };

	cr_assert_eq(target_tasks__begin(&tasks, 0), 0);
	for (size_t i = 0; i < N_MANY; i++)
		cr_assert_eq(target_tasks__add(&tasks, make(i, i % 4 * 5, i % 2 ? "Future" : "")),
			     0);
	cr_assert_eq(tasks.n, N_MANY);
	for (size_t i = 0; i < N_MANY; i++) {
		const struct target_task *task = &tasks.list[i], *same = make(i, i % 4 * 5, "");

		cr_assert_eq(task->task, i);
		cr_assert_eq(task->n_frames, same->n_frames);
		cr_assert_not(memcmp(task->frames, frames, task->n_frames * sizeof(*frames)));
		cr_assert_str_eq(task->name, name);
		cr_assert_str_eq(task->waits_for, i % 2 ? "Future" : "");
	}
	target_tasks__done(&tasks);
	cr_assert_null(tasks.list);
}

Test(list_of_tasks, those_at_one_place_share_what_they_have_in_common)
{
	struct target_tasks tasks = { 0 };

	cr_assert_eq(target_tasks__begin(&tasks, 4), 0);
	for (size_t i = 0; i < 2; i++)
		cr_assert_eq(target_tasks__add(&tasks, make(7, N_FRAMES, "Future")), 0);
	cr_assert_eq(target_tasks__add(&tasks, make(8, N_FRAMES, "Future")), 0);
	cr_assert_eq(target_tasks__add(&tasks, make(8, N_FRAMES + 1, "Task")), 0);
	cr_assert_eq(tasks.list[1].frames, tasks.list[0].frames);
	cr_assert_eq(tasks.list[2].waits_for, tasks.list[0].waits_for);
	cr_assert_neq(tasks.list[2].frames, tasks.list[0].frames, "another position");
	cr_assert_neq(tasks.list[3].frames, tasks.list[2].frames, "one frame more");
	cr_assert_neq(tasks.list[3].waits_for, tasks.list[2].waits_for);
	target_tasks__done(&tasks);
}

Test(list_of_tasks, the_next_look_begins_anew)
{
	struct target_tasks tasks = { 0 };

	for (int look = 0; look < 3; look++) {
		cr_assert_eq(target_tasks__begin(&tasks, 10), 0);
		cr_assert_eq(tasks.n, 0);
		cr_assert_eq(tasks.n_chunks, 0, "look %d keeps the texts of the one before", look);
		for (size_t i = 0; i < N_MANY; i++)
			cr_assert_eq(target_tasks__add(&tasks, make(i, 1, "Future")), 0);
	}
	target_tasks__done(&tasks);
}
