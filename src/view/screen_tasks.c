/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tasks that are alive, one row each; the tree shows who awaits whom. Enter shows one with its
 * whole await chain, g all of them by where they wait.
 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "view/render.h"
#include "view/screens.h"
#include "view/task_state.h"

static void render_name(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct task_row *task = row;

	(void)scene;
	if (task->name[0])
		cell__escape(cell, task->name);
	else
		cell__printf(cell, "0x%" PRIx64, task->task);
}

static void render_state(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct task_state *state = task__state(row);

	cell__printf(cell, "%s %s", scene->is_utf8 ? state->utf8 : state->ascii, state->word);
	cell->attr = state->attr;
}

/* Light mode counts no steps: not of tasks either. */
#define RENDER_COUNTED(function, write)                                                            \
	static void function(const void *row, const struct table_scene *scene,                     \
			     struct table_cell *cell)                                              \
	{                                                                                          \
		const struct task_row *r = row;                                                    \
                                                                                                   \
		if (scene->light.is_now) {                                                         \
			cell__printf(cell, "-");                                                   \
			cell->attr = ATTR_DIM;                                                     \
		} else {                                                                           \
			write;                                                                     \
		}                                                                                  \
	}

RENDER_COUNTED(render_busy, cell__share(cell, r->busy))
RENDER_COUNTED(render_steps, cell__count(cell, r->steps))
RENDER_COUNTED(render_total, cell__duration(cell, r->total_ns))
RENDER_COUNTED(render_max, cell__step(cell, r->max_ns))
RENDER_STALLS(render_stalls, struct task_row, stalls)
RENDER_AGO(render_age, struct task_row, seen_ns)
RENDER_NUMBER(render_pid, struct task_row, pid)

static void render_idle(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct task_row *task = row;

	if (task->state != MODEL_TASK_RUNNING)
		cell__ago(cell, scene, task__idle_since(task));
}

static void render_waits(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	(void)scene;
	cell__escape(cell, ((const struct task_row *)row)->waits_for);
}

static void render_coroutine(const void *row, const struct table_scene *scene,
			     struct table_cell *cell)
{
	const struct task_row *task = row;

	(void)scene;
	if (task->coroutine.name)
		cell__escape(cell, task->coroutine.name);
}

/* Where it stands: the innermost await. */
static void render_where(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct task_row *task = row;

	(void)scene;
	if (task->n_frames == 0) {
		cell__place(cell, task->coroutine.file, task->coroutine.first_line);
		cell->attr = ATTR_DIM;
		return;
	}
	cell__place(cell, task->stack[0].file, task->stack[0].line);
	if (task->stack[0].function) {
		cell__printf(cell, " in ");
		cell__escape(cell, task->stack[0].function);
	}
}

static void render_thread(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct task_row *task = row;

	(void)scene;
	if (task->tid)
		cell__printf(cell, "%u", task->tid);
}

static int compare_name(const void *a, const void *b)
{
	return strverscmp(((const struct task_row *)a)->name, ((const struct task_row *)b)->name);
}

static int compare_coroutine(const void *a, const void *b)
{
	const struct task_row *x = a, *y = b;

	return strcmp(x->coroutine.name ? x->coroutine.name : "",
		      y->coroutine.name ? y->coroutine.name : "");
}

static int compare_waits(const void *a, const void *b)
{
	return strcmp(((const struct task_row *)a)->waits_for,
		      ((const struct task_row *)b)->waits_for);
}

/* Most tasks have no busy time; among those the ready ones come first. */
static int compare_busy(const void *a, const void *b)
{
	const struct task_row *x = a, *y = b;

	if (x->busy != y->busy)
		return x->busy > y->busy ? 1 : -1;
	if (x->state != y->state)
		return x->state > y->state ? 1 : -1;
	return (x->total_ns > y->total_ns) - (x->total_ns < y->total_ns);
}

/* The longest idle is the one that ended first. */
static int compare_idle(const void *a, const void *b)
{
	uint64_t x = task__idle_since(a), y = task__idle_since(b);

	return (y > x) - (y < x);
}

static int compare_age(const void *a, const void *b)
{
	uint64_t x = ((const struct task_row *)a)->seen_ns,
		 y = ((const struct task_row *)b)->seen_ns;

	return (y > x) - (y < x);
}

TABLE_COMPARE(compare_state, struct task_row, state)
TABLE_COMPARE(compare_steps, struct task_row, steps)
TABLE_COMPARE(compare_total, struct task_row, total_ns)
TABLE_COMPARE(compare_max, struct task_row, max_ns)
TABLE_COMPARE(compare_stalls, struct task_row, stalls)
TABLE_COMPARE(compare_pid, struct task_row, pid)
TABLE_COMPARE(compare_tid, struct task_row, tid)

static const struct table_column columns[] = {
	{ "name", "TASK", 'K', 0, 12, 36, TABLE_NAME, true, render_name, compare_name },
	{ "state", "STATE", 'R', 0, 9, 9, TABLE_LEFT, false, render_state, compare_state },
	{ "busy", "BUSY%", 'B', 2, 5, 5, TABLE_RIGHT, false, render_busy, compare_busy },
	{ "steps", "STEPS", 'A', 9, 6, 6, TABLE_RIGHT, false, render_steps, compare_steps },
	{ "total", "TOTAL", 'O', 8, 6, 6, TABLE_RIGHT, false, render_total, compare_total },
	{ "max", "MAX", 'M', 4, 6, 6, TABLE_RIGHT, false, render_max, compare_max },
	{ "stalls", "STALLS", 'X', 6, 6, 6, TABLE_RIGHT, false, render_stalls, compare_stalls },
	{ "idle", "IDLE", 'W', 3, 6, 6, TABLE_RIGHT, false, render_idle, compare_idle },
	{ "age", "AGE", 'E', 10, 6, 6, TABLE_RIGHT, false, render_age, compare_age },
	{ "waits", "WAITS FOR", 'V', 5, 10, 18, TABLE_LEFT, true, render_waits, compare_waits },
	{ "coroutine", "COROUTINE", 'C', 2, 12, 32, TABLE_NAME, true, render_coroutine,
	  compare_coroutine },
	{ "where", "WHERE", 0, 1, 24, 48, TABLE_LEFT, true, render_where, NULL },
	{ "pid", "PROCESS", 'P', 11, 7, 7, TABLE_RIGHT, true, render_pid, compare_pid },
	{ "thread", "THREAD", 'Q', 12, 7, 7, TABLE_RIGHT, true, render_thread, compare_tid },
};

static size_t n_rows(const struct snapshot *snapshot)
{
	return snapshot->n_tasks;
}

static const void *row_at(const struct snapshot *snapshot, size_t i)
{
	return &snapshot->tasks[i];
}

static uint64_t row_id(const void *row)
{
	const struct task_row *task = row;

	/* No hash: there may be thousands, at each drawing. */
	return task->task ^ (uint64_t)task->pid << 48;
}

static size_t parent(const struct snapshot *snapshot, size_t i)
{
	size_t at = snapshot->tasks[i].awaited_by;

	return at < snapshot->n_tasks ? at : SIZE_MAX;
}

static int term(const void *row, const char *word, const char *value)
{
	const struct task_row *task = row;

	if (!strcmp(word, "pid"))
		return task->pid == strtoul(value, NULL, 10);
	if (!strcmp(word, "state"))
		return !strcmp(task__state(task)->word, value);
	if (!strcmp(word, "waits"))
		return !strcasecmp(task->waits_for, value);
	if (!strcmp(word, "coroutine"))
		return task->coroutine.name && !strcmp(task->coroutine.name, value);
	return -1;
}

static const struct table_ops table = {
	.columns = columns,
	.n_columns = N_OF(columns),
	.sort = "busy",
	.empty = "No task is alive, or none has been read yet.",
	.n_rows = n_rows,
	.row = row_at,
	.id = row_id,
	.term = term,
	.terms = "pid state waits coroutine",
	.parent = parent,
	.tree = "await tree",
};

static void subject(const void *row, struct screen_subject *ret)
{
	const struct task_row *task = row;

	ret->task = task->task;
	ret->pid = task->pid;
	ret->coroutine = task->coroutine;
	if (task->n_frames > 0)
		ret->at = task->stack[0];
	if (!ret->at.file)
		ret->at = (struct model_frame){ task->coroutine.name, task->coroutine.file,
						task->coroutine.first_line };
}

const struct screen_ops screen_tasks = {
	.name = "tasks",
	.title = "Tasks",
	.key = '2',
	.is_in_tabs = true,
	.wants_tasks = true,
	.other = "places",
	.keys = "g By place",
	.table = &table,
	.subject = subject,
};
