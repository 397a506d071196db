/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loops: the threads that run event loops, and what their time went into.
 */
#include <stdlib.h>
#include <string.h>

#include "view/screens.h"
#include "view/words.h"

static void render_tid(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	(void)scene;
	cell__printf(cell, "%u", ((const struct loop_row *)row)->tid);
}

static void render_pid(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	(void)scene;
	cell__printf(cell, "%u", ((const struct loop_row *)row)->pid);
}

static void render_rate(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	char buf[WORDS_BYTES];

	(void)scene;
	cell__printf(cell, "%s", words__rate(((const struct loop_row *)row)->steps_per_s, buf));
}

static void render_busy(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct loop_row *loop = row;
	char buf[WORDS_BYTES];

	(void)scene;
	cell->attr = loop->busy >= 0.9 ? ATTR_BAD : loop->busy >= 0.7 ? ATTR_WARN : ATTR_NORMAL;
	cell__printf(cell, "%s", words__percent(loop->busy, buf));
}

static void render_steps(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	(void)scene;
	cell__count(cell, ((const struct loop_row *)row)->steps);
}

static void render_turns(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	(void)scene;
	cell__count(cell, ((const struct loop_row *)row)->turns);
}

static void render_stalls(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct loop_row *loop = row;

	(void)scene;
	cell->attr = loop->stalls ? ATTR_WARN : ATTR_NORMAL;
	cell__count(cell, loop->stalls);
}

static void render_step_ns(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	(void)scene;
	cell__duration(cell, ((const struct loop_row *)row)->step_ns);
}

static void render_callbacks(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	(void)scene;
	cell__duration(cell, ((const struct loop_row *)row)->callbacks_ns);
}

static void render_idle(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	(void)scene;
	cell__duration(cell, ((const struct loop_row *)row)->idle_ns);
}

/* A thread has no state now that is not in a live row; idle is what there is none for. */
static const struct live_row *live_of(const struct snapshot *snapshot, const struct loop_row *loop)
{
	size_t i;

	for (i = 0; i < snapshot->n_live; i++)
		if (snapshot->live[i].pid == loop->pid && snapshot->live[i].tid == loop->tid)
			return &snapshot->live[i];
	return NULL;
}

static void render_now(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct live_row *live = live_of(scene->snapshot, row);
	char buf[WORDS_BYTES];

	if (!live)
		return;
	cell->attr = ATTR_ALARM;
	if (scene->now_ns >= live->start_ns)
		cell__printf(cell, "STUCK %s ", words__duration(scene->now_ns - live->start_ns, buf));
	cell__escape(cell, words__call(live->cause, live->syscall));
	if (live->coroutine.name) {
		cell__printf(cell, " in ");
		cell__escape(cell, live->coroutine.name);
	}
}

TABLE_COMPARE(compare_tid, struct loop_row, tid)
TABLE_COMPARE(compare_pid, struct loop_row, pid)
TABLE_COMPARE(compare_rate, struct loop_row, steps_per_s)
TABLE_COMPARE(compare_busy, struct loop_row, busy)
TABLE_COMPARE(compare_steps, struct loop_row, steps)
TABLE_COMPARE(compare_turns, struct loop_row, turns)
TABLE_COMPARE(compare_stalls, struct loop_row, stalls)
TABLE_COMPARE(compare_step_ns, struct loop_row, step_ns)
TABLE_COMPARE(compare_callbacks, struct loop_row, callbacks_ns)
TABLE_COMPARE(compare_idle, struct loop_row, idle_ns)

static const struct table_column columns[] = {
	{ "thread", "THREAD", 0, 0, 7, 8, TABLE_LEFT, true, render_tid, compare_tid },
	{ "pid", "PROCESS", 0, 4, 7, 8, TABLE_LEFT, true, render_pid, compare_pid },
	{ "rate", "STEPS/s", 'R', 1, 7, 7, TABLE_RIGHT, false, render_rate, compare_rate },
	{ "busy", "BUSY%", 'B', 0, 5, 5, TABLE_RIGHT, false, render_busy, compare_busy },
	{ "stalls", "STALLS", 'X', 0, 6, 6, TABLE_RIGHT, false, render_stalls, compare_stalls },
	{ "in_steps", "IN STEPS", 'O', 2, 8, 8, TABLE_RIGHT, false, render_step_ns, compare_step_ns },
	{ "callbacks", "CALLBACKS", 'K', 3, 9, 9, TABLE_RIGHT, false, render_callbacks,
	  compare_callbacks },
	{ "idle", "WAITING", 'W', 2, 7, 7, TABLE_RIGHT, false, render_idle, compare_idle },
	{ "steps", "STEPS", 'A', 5, 7, 7, TABLE_RIGHT, false, render_steps, compare_steps },
	{ "turns", "TURNS", 'Q', 6, 7, 7, TABLE_RIGHT, false, render_turns, compare_turns },
	{ "now", "NOW", 0, 1, 22, 60, TABLE_LEFT, true, render_now, NULL },
};

static size_t n_rows(const struct snapshot *snapshot)
{
	return snapshot->n_loops;
}

static const void *row_at(const struct snapshot *snapshot, size_t i)
{
	return &snapshot->loops[i];
}

static uint64_t row_id(const void *row)
{
	const struct loop_row *loop = row;

	return table__id(NULL, NULL, (uint64_t)loop->pid << 32 | loop->tid);
}

static int term(const void *row, const char *word, const char *value)
{
	if (strcmp(word, "pid"))
		return -1;
	return strtoul(value, NULL, 10) == ((const struct loop_row *)row)->pid;
}

static const struct table_ops table = {
	.columns = columns,
	.n_columns = sizeof(columns) / sizeof(columns[0]),
	.sort = "busy",
	.empty = "No event loop has run so far.",
	.n_rows = n_rows,
	.row = row_at,
	.id = row_id,
	.term = term,
};

const struct screen_ops screen_loops = {
	.name = "loops",
	.title = "Loops",
	.key = '5',
	.is_in_tabs = true,
	.table = &table,
};
