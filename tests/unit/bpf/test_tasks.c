/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks counted one by one: the table as the kernel side fills it, and as user space reads and
 * clears it.
 */
#include "fake_memory.h"

static struct ls_task *tasks; /* of LS_MAX_TASKS */

static void *bpf_map_lookup_elem(struct ls_task *map, const __u32 *index)
{
	return *index < LS_MAX_TASKS ? &map[*index] : NULL;
}

/* The helper is given the map's address. */
#define bpf_map_lookup_elem(map, index) bpf_map_lookup_elem(*(map), (index))
#include "../../../bpf/python/task_table.bpf.c"
#undef bpf_map_lookup_elem

#include <criterion/criterion.h>
#include <errno.h>

#include "probe/task_counts.h"

#define STATE_OFFSET 88
#define TASK(i) (FAKE_BASE + 0x100 * (uint64_t)(i))
#define CORO 0xc0c0ULL

static struct thread_state ts;

static void setup(void)
{
	fake_reset();
	tasks = calloc(LS_MAX_TASKS, sizeof(*tasks));
	cr_assert_not_null(tasks);
	ts = (struct thread_state){ .tgid = 7, .tid = 8, .proc.py.at.task_state = STATE_OFFSET };
}

TestSuite(tasks, .init = setup);

static void step_of(uint64_t task, uint64_t coro, uint64_t duration_ns, uint64_t now_ns)
{
	ts.cur.task = task;
	ts.cur.coro = coro;
	task_count(&ts, duration_ns, now_ns, duration_ns >= 1000);
}

struct found {
	size_t n;
	struct ls_task_key key; /* of the last one */
	struct ls_task_stats stats;
};

static int take(void *ctx, const struct ls_task_key *key, const struct ls_task_stats *stats)
{
	struct found *found = ctx;

	found->n++;
	found->key = *key;
	found->stats = *stats;
	return 0;
}

static struct found read_all(void)
{
	struct found found = {};

	cr_assert_eq(task_counts__each(tasks, take, &found), 0);
	return found;
}

Test(tasks, sums_up_the_steps_of_one_task)
{
	struct found found;

	step_of(TASK(1), CORO, 300, 5000);
	step_of(TASK(1), CORO, 1000, 7000);
	step_of(TASK(1), CORO, 200, 9000);
	found = read_all();
	cr_assert_eq(found.n, 1);
	cr_assert_eq(found.key.task, TASK(1));
	cr_assert_eq(found.key.tgid, 7);
	cr_assert_eq(found.key.tid, 8);
	cr_assert_eq(found.stats.steps, 3);
	cr_assert_eq(found.stats.total_ns, 1500);
	cr_assert_eq(found.stats.max_ns, 1000);
	cr_assert_eq(found.stats.stalls, 1);
	cr_assert_eq(found.stats.last_end_ns, 9000);
}

Test(tasks, begins_anew_with_another_coroutine)
{
	struct found found;

	step_of(TASK(1), CORO, 300, 5000);
	step_of(TASK(1), CORO + 8, 200, 7000);
	found = read_all();
	cr_assert_eq(found.n, 1);
	cr_assert_eq(found.stats.steps, 1);
	cr_assert_eq(found.stats.max_ns, 200);
	cr_assert_eq(found.stats.coro, CORO + 8);
}

Test(tasks, forgets_what_is_done)
{
	step_of(TASK(1), CORO, 300, 5000);
	fake_put(TASK(1) + STATE_OFFSET, 2);
	step_of(TASK(1), CORO, 300, 6000);
	cr_assert_eq(read_all().n, 0);
	/* A new task with the same addresses inherits nothing. */
	fake_put(TASK(1) + STATE_OFFSET, 0);
	step_of(TASK(1), CORO, 300, 7000);
	cr_assert_eq(read_all().stats.steps, 1);
}

Test(tasks, does_not_count_a_task_whose_only_step_ends_it)
{
	fake_put(TASK(1) + STATE_OFFSET, 2);
	step_of(TASK(1), CORO, 300, 6000);
	cr_assert_eq(read_all().n, 0);
	cr_assert_eq(fake_losses[LS_LOSS_TASK_MAP], 0);
}

Test(tasks, keeps_threads_apart)
{
	step_of(TASK(1), CORO, 300, 5000);
	ts.tid = 9;
	step_of(TASK(1), CORO, 300, 5000);
	cr_assert_eq(read_all().n, 2);
}

Test(tasks, holds_many_without_loss)
{
	const size_t n = LS_MAX_TASKS / 4;

	for (size_t round = 0; round < 2; round++)
		for (size_t i = 0; i < n; i++)
			step_of(0x7f1200000000ULL + 192 * i, CORO, 100, 5000);
	cr_assert_eq(read_all().n, n);
	cr_assert_eq(read_all().stats.steps, 2);
	cr_assert_eq(fake_losses[LS_LOSS_TASK_MAP], 0);
}

Test(tasks, counts_what_finds_no_room)
{
	/* Addresses this far apart have the same hash. */
	const size_t n = TASK_PLACES + 3;

	for (size_t i = 0; i < n; i++)
		step_of(0x7f1200000000ULL + (i << 36), CORO, 100, 5000);
	cr_assert_eq(read_all().n, TASK_PLACES);
	cr_assert_eq(fake_losses[LS_LOSS_TASK_MAP], 3);
}

/* Many that ran once, and one that came too late and runs on: that one is counted. */
Test(tasks, who_ran_longest_ago_gives_way)
{
	const uint64_t late = 0x7f1200000000ULL + ((uint64_t)TASK_PLACES << 36);

	for (size_t i = 0; i < TASK_PLACES; i++)
		step_of(0x7f1200000000ULL + (i << 36), CORO, 100, i == 5 ? 4000 : 5000 + i);
	for (size_t i = 0; i < 10; i++)
		step_of(late, CORO + 1, 100, 7000);
	cr_assert_eq(read_all().n, TASK_PLACES);
	cr_assert_eq(fake_losses[LS_LOSS_TASK_MAP], 1);
	/* In the place of the sixth. */
	ts.cur.task = late;
	cr_assert_eq(task_find(&ts)->stats.steps, 10);
	cr_assert_eq(task_find(&ts)->stats.coro, CORO + 1);
	ts.cur.task = 0x7f1200000000ULL + (5ULL << 36);
	cr_assert_null(task_find(&ts));
}

Test(tasks, nobody_gives_way_to_another_thread)
{
	for (size_t i = 0; i < TASK_PLACES; i++)
		step_of(TASK(1) + (i << 36), CORO, 100, 5000);
	for (size_t i = 0; i < LS_MAX_TASKS; i++)
		if (tasks[i].key.task)
			tasks[i].key.tid = 99;
	step_of(TASK(1), CORO, 100, 6000);
	cr_assert_eq(fake_losses[LS_LOSS_TASK_MAP], 1);
	cr_assert_null(task_find(&ts));
}

Test(tasks, room_in_the_middle_is_used_and_hides_nothing)
{
	for (size_t i = 0; i < TASK_PLACES; i++)
		step_of(TASK(1) + (i << 36), CORO, 100, 5000);
	fake_put(TASK(1) + STATE_OFFSET, 1);
	step_of(TASK(1), CORO, 100, 6000);
	step_of(TASK(1) + (3ULL << 36), CORO, 100, 7000);
	cr_assert_eq(read_all().n, TASK_PLACES - 1);
	step_of(TASK(1) + ((uint64_t)TASK_PLACES << 36), CORO, 100, 8000);
	cr_assert_eq(read_all().n, TASK_PLACES);
	cr_assert_eq(fake_losses[LS_LOSS_TASK_MAP], 0);
}

Test(tasks, user_space_forgets_one_process_or_all)
{
	const struct ls_task nothing = {};

	step_of(TASK(1), CORO, 300, 5000);
	ts.tgid = 17;
	ts.tid = 18;
	step_of(TASK(2), CORO, 300, 5000);
	task_counts__remove(tasks, 7);
	cr_assert_eq(read_all().n, 1);
	cr_assert_eq(read_all().key.tgid, 17);
	task_counts__remove(tasks, 0);
	for (size_t i = 0; i < LS_MAX_TASKS; i++)
		cr_assert_eq(memcmp(&tasks[i], &nothing, sizeof(nothing)), 0, "element %zu", i);
}

static int stop(void *ctx, const struct ls_task_key *key, const struct ls_task_stats *stats)
{
	(void)key;
	(void)stats;
	++*(int *)ctx;
	return -EINTR;
}

Test(tasks, reading_ends_when_told)
{
	int n = 0;

	step_of(TASK(1), CORO, 300, 5000);
	step_of(TASK(2), CORO, 300, 5000);
	cr_assert_eq(task_counts__each(tasks, stop, &n), -EINTR);
	cr_assert_eq(n, 1);
}

Test(tasks, half_an_element_is_not_handed_out)
{
	tasks[5].key.task = TASK(1);
	cr_assert_eq(read_all().n, 0);
}
