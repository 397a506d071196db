/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was read of tasks in, rows out: names, who waits for whom, what stays between looks, and no
 * harm by whatever else was read.
 */
#include <time.h>

#include "model/reading.h"
#include "model/tasks.h"

#define START (5000 * SECOND)
#define MANY 10000

static const struct ls_frame frames[] = { { FETCH_ROW, 31 }, { 0, 0 }, { HANDLER, 14 } };

static struct model_task task_of(uint64_t address, uint64_t awaited_by)
{
	return (struct model_task){ .pid = PID,
				    .tid = TID,
				    .task = address,
				    .awaited_by = awaited_by,
				    .code = HANDLER,
				    .name = "worker",
				    .waits_for = "Future",
				    .n_frames = 3,
				    .frames = frames };
}

static const struct snapshot *look(struct script *s, uint64_t now_ns,
				   const struct model_task *tasks, size_t n)
{
	cr_assert_eq(model__tasks(s->model, now_ns, tasks, n, n), 0);
	return reading_snapshot(s);
}

Test(tasks, are_named_and_in_order)
{
	struct model_task tasks[] = { task_of(0x30, 0), task_of(0x10, 0), task_of(0x20, 0) };
	struct script *s = script_new();
	const struct snapshot *snap = reading_snapshot(s);
	char name[] = "reader";

	cr_assert_eq(snap->n_tasks, 0);
	cr_assert_eq(snap->tasks_ns, 0);
	tasks[0].pid = PID - 1;
	tasks[1].tid = TID + 1;
	tasks[2].name = name;
	tasks[2].state = MODEL_TASK_RUNNING;
	tasks[2].is_cut = true;
	cr_assert_eq(model__tasks(s->model, START, tasks, 3, 40), 0);
	strcpy(name, "gone");
	snap = reading_snapshot(s);
	cr_assert_eq(snap->n_tasks, 3);
	cr_assert_eq(snap->tasks_alive, 40);
	cr_assert_eq(snap->tasks_ns, START);
	cr_assert_eq(snap->tasks[0].task, 0x30);
	cr_assert_eq(snap->tasks[1].task, 0x20);
	cr_assert_eq(snap->tasks[2].task, 0x10);
	cr_assert_str_eq(snap->tasks[1].name, "reader", "copied");
	cr_assert_str_eq(snap->tasks[1].waits_for, "Future");
	cr_assert_eq(snap->tasks[1].state, MODEL_TASK_RUNNING);
	cr_assert(snap->tasks[1].is_cut);
	cr_assert_str_eq(snap->tasks[1].coroutine.name, "handler");
	cr_assert_eq(snap->tasks[1].n_frames, 2, "without the shim");
	cr_assert_str_eq(snap->tasks[1].stack[0].function, "fetch_row");
	cr_assert_eq(snap->tasks[1].stack[0].line, 31);
	cr_assert_str_eq(snap->tasks[1].stack[1].function, "handler");
	cr_assert_eq(snap->tasks[1].awaited_by, SIZE_MAX);
	script_free(s);
}

Test(tasks, point_to_who_waits_for_them)
{
	struct model_task tasks[] = { task_of(0x10, 0x30), task_of(0x20, 0x30), task_of(0x30, 0),
				      task_of(0x40, 0x99), task_of(0x30, 0) };
	struct script *s = script_new();
	const struct snapshot *snap;

	tasks[4].pid = PID + 1;
	snap = look(s, START, tasks, 5);
	cr_assert_eq(snap->tasks[0].awaited_by, 2);
	cr_assert_eq(snap->tasks[1].awaited_by, 2, "in its own process");
	cr_assert_eq(snap->tasks[2].awaited_by, SIZE_MAX);
	cr_assert_eq(snap->tasks[3].awaited_by, SIZE_MAX, "not one that was read");
	script_free(s);
}

static size_t chain_length(const struct snapshot *snap, size_t i)
{
	size_t n;

	for (n = 0; i != SIZE_MAX && n <= snap->n_tasks; n++)
		i = snap->tasks[i].awaited_by;
	return n;
}

Test(tasks, that_wait_in_a_circle_are_cut)
{
	/* 10 -> 20 -> 30 -> 10, 40 -> 20, 50 -> 50 */
	struct model_task tasks[] = { task_of(0x10, 0x20), task_of(0x20, 0x30), task_of(0x30, 0x10),
				      task_of(0x40, 0x20), task_of(0x50, 0x50) };
	struct script *s = script_new();
	const struct snapshot *snap = look(s, START, tasks, 5);

	cr_assert_eq(chain_length(snap, 0), 3, "only one link is left out");
	cr_assert_eq(chain_length(snap, 1), 2);
	cr_assert_eq(chain_length(snap, 2), 1);
	cr_assert_eq(chain_length(snap, 3), 3);
	cr_assert_eq(chain_length(snap, 4), 1);
	script_free(s);
}

Test(tasks, are_known_since_they_were_first_seen)
{
	struct model_task tasks[] = { task_of(0x10, 0), task_of(0x20, 0), task_of(0x30, 0) };
	struct script *s = script_new();
	const struct snapshot *snap;

	look(s, START, tasks, 2);
	tasks[1].code = TICK;
	snap = look(s, START + SECOND, tasks, 3);
	cr_assert_eq(snap->tasks[0].seen_ns, START);
	cr_assert_eq(snap->tasks[1].seen_ns, START + SECOND,
		     "another coroutine at the same address");
	cr_assert_eq(snap->tasks[2].seen_ns, START + SECOND);
	snap = look(s, START + 2 * SECOND, &tasks[1], 2);
	cr_assert_eq(snap->n_tasks, 2, "the first has ended");
	cr_assert_eq(snap->tasks[0].seen_ns, START + SECOND);
	snap = look(s, START + 3 * SECOND, tasks, 3);
	cr_assert_eq(snap->tasks[0].seen_ns, START + 3 * SECOND);
	model__reset(s->model);
	cr_assert_eq(reading_snapshot(s)->n_tasks, 3, "they are there still");
	snap = look(s, START + 4 * SECOND, tasks, 0);
	cr_assert_eq(snap->n_tasks, 0);
	cr_assert_eq(snap->tasks_alive, 0);
	script_free(s);
}

Test(tasks, busy_is_what_they_used_between_two_looks)
{
	struct model_task tasks[] = { task_of(0x10, 0), task_of(0x20, 0), task_of(0x30, 0) };
	struct script *s = script_new();
	const struct snapshot *snap;

	tasks[0].stats = (struct ls_task_stats){ .coro = 1, .total_ns = 40 * MS };
	tasks[1].stats = (struct ls_task_stats){ .coro = 1, .total_ns = 900 * MS };
	snap = look(s, START, tasks, 2);
	cr_assert_eq(snap->tasks[0].busy, 0, "there was no look before");
	tasks[0].stats = (struct ls_task_stats){ .coro = 1,
						 .total_ns = 540 * MS,
						 .steps = 7,
						 .max_ns = 90 * MS,
						 .stalls = 2,
						 .last_end_ns = START };
	tasks[1].stats = (struct ls_task_stats){ .coro = 2, .total_ns = 250 * MS };
	tasks[2].stats = (struct ls_task_stats){ .coro = 3, .total_ns = 900 * MS };
	snap = look(s, START + 2 * SECOND, tasks, 3);
	cr_assert_float_eq(snap->tasks[0].busy, 0.25, 1e-9);
	cr_assert_eq(snap->tasks[0].steps, 7);
	cr_assert_eq(snap->tasks[0].max_ns, 90 * MS);
	cr_assert_eq(snap->tasks[0].stalls, 2);
	cr_assert_eq(snap->tasks[0].last_end_ns, START);
	cr_assert_float_eq(snap->tasks[1].busy, 0.125, 1e-9, "counted anew");
	cr_assert_eq(snap->tasks[2].busy, 0, "nobody knows for how long it has been there");
	tasks[0].stats.total_ns += 60 * SECOND;
	snap = look(s, START + 3 * SECOND, tasks, 3);
	cr_assert_eq(snap->tasks[0].busy, 1);
	snap = look(s, START + 3 * SECOND, tasks, 3);
	cr_assert_eq(snap->tasks[0].busy, 0, "no time has passed");
	script_free(s);
}

Test(tasks, count_alone_keeps_the_rows)
{
	const struct model_task task = task_of(0x10, 0);
	struct script *s = script_new();
	const struct snapshot *snap;

	cr_assert_eq(model__tasks(s->model, START, NULL, 0, 12), 0);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->tasks_alive, 12);
	cr_assert_eq(snap->tasks_ns, 0);
	look(s, START, &task, 1);
	cr_assert_eq(model__tasks(s->model, START + SECOND, NULL, 0, 3), 0);
	snap = reading_snapshot(s);
	cr_assert_eq(snap->tasks_alive, 3);
	cr_assert_eq(snap->tasks_ns, START);
	cr_assert_eq(snap->n_tasks, 1);
	script_free(s);
}

Test(tasks, doubles_count_once)
{
	struct model_task tasks[] = { task_of(0x10, 0), task_of(0x20, 0x10), task_of(0x10, 0) };
	struct script *s = script_new();
	const struct snapshot *snap;

	tasks[2].name = "again";
	snap = look(s, START, tasks, 3);
	cr_assert_eq(snap->n_tasks, 2);
	cr_assert_str_eq(snap->tasks[0].name, "worker");
	cr_assert_eq(snap->tasks[1].awaited_by, 0);
	script_free(s);
}

static struct model_task *many_tasks(size_t n)
{
	struct model_task *tasks = calloc(n, sizeof(*tasks));
	size_t i;

	cr_assert_not_null(tasks);
	for (i = 0; i < n; i++)
		tasks[i] = task_of(0x7f0000000000 + i * 7919 % n * 256,
				   0x7f0000000000 + (i * 7919 + 1) % n * 256);
	return tasks;
}

Test(tasks, beyond_the_limit_are_a_loss)
{
	struct model_task *tasks = many_tasks(TASKS_MAX + 5);
	struct script *s = script_new();
	const struct snapshot *snap = look(s, START, tasks, TASKS_MAX + 5);

	cr_assert_eq(snap->n_tasks, TASKS_MAX);
	cr_assert_eq(snap->tasks_alive, TASKS_MAX + 5);
	cr_assert_eq(reading_loss(snap, "task_rows"), 5);
	model__reset(s->model);
	cr_assert_eq(reading_loss(reading_snapshot(s), "task_rows"), 0);
	free(tasks);
	script_free(s);
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

/*
 * A circle through all of them, the worst of chains. The bound is far above what it takes, and far
 * below what n * n would.
 */
Test(tasks, ten_thousand_are_a_matter_of_milliseconds)
{
	struct model_task *tasks = many_tasks(MANY);
	struct script *s = script_new();
	uint64_t from_ns, best_ns = UINT64_MAX;
	const struct snapshot *snap;
	int i;

	for (i = 0; i < 5; i++) {
		from_ns = cpu_ns();
		cr_assert_eq(model__tasks(s->model, START + i * SECOND, tasks, MANY, MANY), 0);
		if (cpu_ns() - from_ns < best_ns)
			best_ns = cpu_ns() - from_ns;
	}
	snap = reading_snapshot(s);
	cr_log_info("%d tasks in %.1f ms", MANY, (double)best_ns / 1e6);
	cr_assert_eq(snap->n_tasks, MANY);
	cr_assert_eq(snap->tasks[MANY - 1].seen_ns, START);
	cr_assert_eq(chain_length(snap, 0), MANY);
	cr_assert_lt(best_ns, 100 * MS);
	free(tasks);
	script_free(s);
}

/* Numbers that are always the same, so that a failure comes again. */
static uint64_t garbage(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 20;
}

#define GARBAGE_TASKS 64
#define GARBAGE_LOOKS 400

static size_t fill_garbage(struct model_task *tasks, struct ls_frame *junk, char *text,
			   uint64_t *state)
{
	size_t n = garbage(state) % (GARBAGE_TASKS + 1), i;

	for (i = 0; i < GARBAGE_TASKS; i++) {
		struct model_task *t = &tasks[i];

		memset(t, 0, sizeof(*t));
		t->pid = (uint32_t)(garbage(state) % 3);
		t->tid = (uint32_t)(garbage(state) % 3);
		t->task = garbage(state) % 32;
		t->awaited_by = garbage(state) % 32;
		t->code =
			garbage(state) % 3 ? script_codes[garbage(state) % 4].code : garbage(state);
		t->qualname = garbage(state) % 2;
		t->state = (enum model_task_state)(garbage(state) % 5);
		t->name = garbage(state) % 4 ? text + garbage(state) % 2000 : NULL;
		t->waits_for = garbage(state) % 4 ? text + garbage(state) % 2000 : NULL;
		t->frames = garbage(state) % 8 ? junk : NULL;
		t->n_frames = garbage(state) % 8 ? garbage(state) % LS_MAX_FRAMES : LS_MAX_FRAMES;
		if (!t->frames)
			t->n_frames = SIZE_MAX;
		t->stats.coro = garbage(state) % 2;
		t->stats.total_ns = garbage(state) % 5 ? garbage(state) : UINT64_MAX;
	}
	for (i = 0; i < LS_MAX_FRAMES; i++)
		junk[i] = (struct ls_frame){ garbage(state) % 3 ? HANDLER : 0, garbage(state) };
	return n;
}

static void check_tasks(const struct snapshot *snap)
{
	size_t i, k;

	for (i = 0; i < snap->n_tasks; i++) {
		const struct task_row *row = &snap->tasks[i];

		cr_assert_leq(row->n_frames, LS_MAX_FRAMES);
		cr_assert_leq(row->state, MODEL_TASK_RUNNING);
		cr_assert(row->busy >= 0 && row->busy <= 1);
		cr_assert_lt(strlen(row->name) + strlen(row->waits_for), 2000);
		cr_assert_leq(chain_length(snap, i), snap->n_tasks, "a circle");
		for (k = 0; k < row->n_frames; k++)
			cr_assert_not_null(row->stack[k].function);
	}
}

static bool is_same_task(const struct task_row *a, const struct task_row *b)
{
	return a->pid == b->pid && a->tid == b->tid && a->task == b->task &&
		!strcmp(a->name, b->name) && !strcmp(a->waits_for, b->waits_for) &&
		a->awaited_by == b->awaited_by && a->state == b->state &&
		a->n_frames == b->n_frames && a->seen_ns == b->seen_ns && a->busy == b->busy &&
		a->total_ns == b->total_ns;
}

Test(tasks, garbage_does_no_harm_and_always_the_same)
{
	static struct model_task tasks[GARBAGE_TASKS];
	static struct ls_frame junk[LS_MAX_FRAMES];
	static char text[4000];
	struct script *s[2] = { script_new(), script_new() };
	const struct snapshot *snap[2];
	uint64_t state = 42;
	size_t n, i, k, turn;

	for (i = 0; i + 1 < sizeof(text); i++)
		text[i] = (char)(garbage(&state) % 100 ? 1 + garbage(&state) % 255 : 0);
	for (turn = 0; turn < GARBAGE_LOOKS; turn++) {
		const uint64_t now_ns = garbage(&state) % (100 * SECOND), alive = garbage(&state);

		n = fill_garbage(tasks, junk, text, &state);
		for (k = 0; k < 2; k++) {
			cr_assert_eq(model__tasks(s[k]->model, now_ns, tasks, n, alive), 0);
			snap[k] = reading_snapshot(s[k]);
			check_tasks(snap[k]);
		}
		cr_assert_eq(snap[0]->n_tasks, snap[1]->n_tasks);
		for (i = 0; i < snap[0]->n_tasks; i++)
			cr_assert(is_same_task(&snap[0]->tasks[i], &snap[1]->tasks[i]));
	}
	script_free(s[0]);
	script_free(s[1]);
}
