/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pause keeps what the model goes on to change, and frees it.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "view/frozen.h"

static void expect_kept(const struct snapshot *s)
{
	cr_expect_str_eq(s->tasks[0].name, "Task-1");
	cr_expect_str_eq(s->tasks[0].waits_for, "Future");
	cr_expect_str_eq(s->tasks[0].stack[1].function, "work");
	cr_expect_eq(s->tasks[0].awaited_by, 1);
	cr_expect_null(s->tasks[1].name);
	cr_expect_str_eq(s->log[0].text, "attached");
	cr_expect_str_eq(s->victims[0].name, "heartbeat");
	cr_expect_eq(s->payers[0].times, 3);
	cr_expect_eq(s->stall_list[0]->pid, 7);
	cr_expect_eq(s->findings[0].pool->size, 2);
	cr_expect_null(s->findings[0].life);
	cr_expect_eq(s->findings[1].life->count, 2);
}

Test(view_frozen, keeps_what_changes)
{
	char task[] = "Task-1", waits[] = "Future", line[] = "attached", victim[] = "heartbeat";
	struct model_frame stack[] = { { "get", "queues.py", 158 }, { "work", "app.py", 7 } };
	const struct task_row tasks[] = {
		{ .name = task,
		  .waits_for = waits,
		  .n_frames = 2,
		  .stack = stack,
		  .awaited_by = 1 },
		{ .name = NULL },
	};
	const struct log_row log[] = { { .number = 1, .text = line } };
	struct victim_row victims[] = { { .name = victim } };
	struct payer_row payers[] = { { .times = 3 } };
	struct pool_row pools[] = { { .size = 1 }, { .size = 2 } };
	struct life_row lives[] = { { .count = 1 }, { .count = 2 } };
	const struct finding_row findings[] = { { .pool = &pools[1] }, { .life = &lives[1] } };
	struct stall stall = { .pid = 7 };
	const struct stall *const stalls[] = { &stall };
	const struct snapshot live = {
		.n_tasks = 2,
		.tasks = tasks,
		.n_log = 1,
		.log = log,
		.n_victims = 1,
		.victims = victims,
		.n_payers = 1,
		.payers = payers,
		.n_pools = 2,
		.pools = pools,
		.n_lives = 2,
		.lives = lives,
		.n_findings = 2,
		.findings = findings,
		.n_stalls = 1,
		.stall_list = stalls,
	};
	struct frozen *f;

	cr_assert_eq(frozen__new(&f, &live), 0);
	memset(task, 'x', 3);
	memset(waits, 'x', 3);
	memset(line, 'x', 3);
	memset(victim, 'x', 3);
	memset(stack, 0, sizeof(stack));
	memset(payers, 0, sizeof(payers));
	memset(&stall, 0, sizeof(stall));
	memset(pools, 0, sizeof(pools));
	memset(lives, 0, sizeof(lives));
	expect_kept(frozen__snapshot(f));
	frozen__free(f);
}
