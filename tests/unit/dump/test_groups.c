/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks in groups: by place and by who waits for them, however they hang together.
 */
#include "dump/made_up.h"

#define N_MANY 20000

static struct target t;
static struct dump d;
static struct target_task *tasks; /* N_MANY */
static struct ls_frame frames[N_MANY];
static char names[N_MANY][16];

static struct target_task *begin(void)
{
	make_up(&d, &t);
	tasks = calloc(N_MANY, sizeof(*tasks));
	cr_assert_not_null(tasks);
	return tasks;
}

/* Task `i` of coroutine `code` stands in `line` and is awaited by task `by`, -1: by nobody. */
static void add(size_t i, uint64_t code, uint32_t line, int by)
{
	frames[i] = (struct ls_frame){ code, line };
	snprintf(names[i], sizeof(names[i]), "Task-%zu", i + 1);
	tasks[i] = (struct target_task){ .task = TASK(i),
					 .loop = LOOP,
					 .coro = CORO(i),
					 .code = code,
					 .awaited_by = by < 0 ? 0 : TASK(by),
					 .n_frames = 1,
					 .frames = &frames[i],
					 .name = names[i],
					 .waits_for = "" };
}

static int group(size_t n)
{
	return dump__group_tasks(&d, &(struct target_tasks){ .n = n, .list = tasks });
}

static void end(void)
{
	dump__done(&d);
	free(tasks);
}

Test(groups, equal_ones_are_one)
{
	begin();
	add(0, 1, 10, -1);
	for (size_t i = 1; i < N_MANY; i++)
		add(i, 2, 20, 0);
	cr_assert_eq(group(N_MANY), 0);
	cr_assert_eq(d.n_groups, 2);
	cr_assert_eq(d.groups[0].count, 1);
	cr_assert_eq(d.groups[0].parent, DUMP_NO_GROUP);
	cr_assert_eq(d.groups[1].count, N_MANY - 1);
	cr_assert_eq(d.groups[1].parent, 0);
	cr_assert_eq(d.groups[1].depth, 1);
	cr_assert_eq(d.groups[1].frames[0].line, 20);
	cr_assert_str_eq(d.groups[1].names[0], "Task-2");
	cr_assert_str_eq(d.groups[1].names[2], "Task-4");
	cr_assert_eq(d.loops[0].n_tasks, N_MANY);
	cr_assert_eq(d.loops[0].n_by_state[TARGET_TASK_WAITING], N_MANY);
	end();
}

Test(groups, place_state_and_waiter_tell_them_apart)
{
	begin();
	add(0, 1, 10, -1);
	add(1, 1, 11, -1);
	add(2, 2, 20, 0);
	add(3, 2, 20, 1);
	add(4, 2, 20, 1);
	tasks[4].state = TARGET_TASK_READY;
	add(5, 2, 20, -1);
	tasks[5].loop = LOOP + 16;
	cr_assert_eq(group(6), 0);
	cr_assert_eq(d.n_groups, 6);
	cr_assert_eq(d.loops[0].n_tasks, 5);
	for (size_t i = 0; i < d.n_groups; i++)
		cr_assert(d.groups[i].parent == DUMP_NO_GROUP || d.groups[i].parent < i);
	end();
}

/* The reader of tasks lets neighbours share what they point to. */
Test(groups, neighbours_that_share_their_frames_may_differ)
{
	size_t n_pairs = 0;

	begin();
	add(0, 1, 10, -1);
	for (size_t i = 1; i < 9; i++) {
		add(i, 2, 20, 0);
		tasks[i].frames = &frames[1];
		tasks[i].waits_for = tasks[1].waits_for;
	}
	tasks[3].state = TARGET_TASK_READY;
	tasks[4].loop = LOOP + 16;
	tasks[5].n_frames = 0;
	tasks[6].code = 3;
	tasks[7].awaited_by = 0;
	tasks[8].waits_for = "Future";
	cr_assert_eq(group(9), 0);
	cr_assert_eq(d.n_groups, 8, "%zu groups", d.n_groups);
	for (size_t i = 0; i < d.n_groups; i++)
		n_pairs += d.groups[i].count == 2;
	cr_assert_eq(n_pairs, 1, "the first two are alike");
	end();
}

Test(groups, the_running_one_and_the_largest_come_first)
{
	begin();
	add(0, 1, 10, -1);
	add(1, 2, 20, -1);
	add(2, 2, 20, -1);
	add(3, 3, 30, -1);
	tasks[3].state = TARGET_TASK_RUNNING;
	cr_assert_eq(group(4), 0);
	cr_assert_eq(d.groups[0].frames[0].line, 30);
	cr_assert_eq(d.groups[1].frames[0].line, 20);
	cr_assert_eq(d.groups[2].frames[0].line, 10);
	end();
}

Test(groups, circles_and_chains_end)
{
	begin();
	add(0, 1, 10, 1);
	add(1, 2, 20, 0);
	add(2, 3, 30, 2);
	add(3, 4, 40, 9999);
	cr_assert_eq(group(4), 0);
	cr_assert_eq(d.n_groups, 4);
	end();

	begin();
	for (size_t i = 0; i < N_MANY; i++)
		add(i, 1, 10, (int)i - 1);
	cr_assert_eq(group(N_MANY), 0);
	for (size_t i = 0; i < d.n_groups; i++)
		cr_assert_lt(d.groups[i].depth, DUMP_MAX_DEPTH);
	end();
}

Test(groups, too_many_are_counted)
{
	size_t n = 0;

	begin();
	for (size_t i = 0; i < N_MANY; i++)
		add(i, 1, (uint32_t)i + 1, -1);
	cr_assert_eq(group(N_MANY), 0);
	cr_assert_eq(d.n_groups, DUMP_MAX_GROUPS);
	for (size_t i = 0; i < d.n_groups; i++)
		n += d.groups[i].count;
	cr_assert_eq(n + d.n_ungrouped, N_MANY);
	end();
}

Test(groups, none_at_all)
{
	begin();
	cr_assert_eq(group(0), 0);
	cr_assert_eq(d.n_groups, 0);
	end();
}
