/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loops: the threads that run event loops, and what their time went into.
 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "model/attribution.h"
#include "view/alarm.h"
#include "view/render.h"
#include "view/screens.h"

#define ALMOST_ALWAYS 0.9 /* of its time */
#define OFTEN 0.7
#define MUCH_WAITING 0.1 /* for what a loop should never wait for: the GIL, a free CPU */

RENDER_NUMBER(render_tid, struct loop_row, tid)
RENDER_NUMBER(render_pid, struct loop_row, pid)
RENDER_RATE(render_rate, struct loop_row, steps_per_s)
RENDER_COUNT(render_steps, struct loop_row, steps)
RENDER_COUNT(render_turns, struct loop_row, turns)
RENDER_COUNT(render_ready, struct loop_row, tasks_ready)
RENDER_STALLS(render_stalls, struct loop_row, stalls)
RENDER_STEP(render_p99, struct loop_row, turn_p99_ns)
RENDER_STEP(render_max, struct loop_row, turn_max_ns)
RENDER_DURATION(render_step_ns, struct loop_row, step_ns)
RENDER_DURATION(render_callbacks, struct loop_row, callbacks_ns)
RENDER_DURATION(render_idle, struct loop_row, idle_ns)

static void render_process(const void *row, const struct table_scene *scene,
			   struct table_cell *cell)
{
	const struct loop_row *loop = row;

	(void)scene;
	if (loop->process)
		cell__escape(cell, loop->process);
}

static void render_container_pid(const void *row, const struct table_scene *scene,
				 struct table_cell *cell)
{
	const struct loop_row *loop = row;

	(void)scene;
	if (loop->container_pid)
		cell__printf(cell, "%u", loop->container_pid);
}

static void render_busy(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct loop_row *loop = row;

	(void)scene;
	cell__share(cell, loop->busy);
	cell->attr = loop->busy >= ALMOST_ALWAYS ? ATTR_BAD :
		loop->busy >= OFTEN		 ? ATTR_WARN :
						   ATTR_NORMAL;
}

static void render_gil(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct loop_row *loop = row;

	(void)scene;
	cell__share(cell, loop->gil);
	cell->attr = loop->gil >= MUCH_WAITING ? ATTR_GIL : ATTR_NORMAL;
}

static void render_runqueue(const void *row, const struct table_scene *scene,
			    struct table_cell *cell)
{
	const struct loop_row *loop = row;

	(void)scene;
	cell__share(cell, loop->runqueue);
	cell->attr = loop->runqueue >= MUCH_WAITING ? ATTR_RUNQUEUE : ATTR_NORMAL;
}

/* "8/8 +5": threads there are, threads there may be, calls that wait for one. */
static void render_executor(const void *row, const struct table_scene *scene,
			    struct table_cell *cell)
{
	const struct loop_row *loop = row;

	(void)scene;
	if (!loop->executor_max)
		return;
	cell__printf(cell, "%u/%u", loop->executor_threads, loop->executor_max);
	if (loop->executor_queued > 0) {
		cell__printf(cell, " +%u", loop->executor_queued);
		cell->attr = ATTR_WARN;
	}
	if (loop->executor_full_ticks > 1)
		cell->attr = ATTR_BAD;
}

static void render_split(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct loop_row *loop = row;
	const uint64_t all_ns = loop->step_ns + loop->callbacks_ns;
	const uint64_t blocked_ns = CLASS_NS(loop->cause_ns, LS_CLASS_BLOCKED);
	const uint64_t gil_ns = CLASS_NS(loop->cause_ns, LS_CLASS_GIL);
	const uint64_t runqueue_ns = CLASS_NS(loop->cause_ns, LS_CLASS_RUNQUEUE);
	const uint64_t off_ns = blocked_ns + gil_ns + runqueue_ns;

	(void)scene;
	cell__split(cell, all_ns > off_ns ? all_ns - off_ns : 0, blocked_ns, gil_ns, runqueue_ns);
}

/* The open stall of the thread, NULL: none. */
static const struct stall *live_of(const struct snapshot *snapshot, const struct loop_row *loop)
{
	for (size_t i = 0; i < snapshot->n_live; i++)
		if (snapshot->live[i].pid == loop->pid && snapshot->live[i].tid == loop->tid)
			return &snapshot->live[i];
	return NULL;
}

static void render_now(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct stall *live = live_of(scene->snapshot, row);
	char buf[WORDS_BYTES];

	if (!live)
		return;
	cell->attr = ATTR_BAD;
	cell__printf(cell, "%s ",
		     words__duration(
			     alarm__lasted_ns(live, scene->snapshot->live_ns, scene->now_ns), buf));
	cell__escape(cell, words__call(live->words, live->cause, live->sign, live->call_syscall));
	if (live->coroutine.name) {
		cell__printf(cell, " in ");
		cell__escape(cell, live->coroutine.name);
	}
}

static int compare_process(const void *a, const void *b)
{
	const struct loop_row *x = a, *y = b;

	return strcmp(x->process ? x->process : "", y->process ? y->process : "");
}

TABLE_COMPARE(compare_tid, struct loop_row, tid)
TABLE_COMPARE(compare_pid, struct loop_row, pid)
TABLE_COMPARE(compare_container_pid, struct loop_row, container_pid)
TABLE_COMPARE(compare_rate, struct loop_row, steps_per_s)
TABLE_COMPARE(compare_busy, struct loop_row, busy)
TABLE_COMPARE(compare_p99, struct loop_row, turn_p99_ns)
TABLE_COMPARE(compare_max, struct loop_row, turn_max_ns)
TABLE_COMPARE(compare_gil, struct loop_row, gil)
TABLE_COMPARE(compare_runqueue, struct loop_row, runqueue)
TABLE_COMPARE(compare_ready, struct loop_row, tasks_ready)
TABLE_COMPARE(compare_executor, struct loop_row, executor_queued)
TABLE_COMPARE(compare_steps, struct loop_row, steps)
TABLE_COMPARE(compare_turns, struct loop_row, turns)
TABLE_COMPARE(compare_stalls, struct loop_row, stalls)
TABLE_COMPARE(compare_step_ns, struct loop_row, step_ns)
TABLE_COMPARE(compare_callbacks, struct loop_row, callbacks_ns)
TABLE_COMPARE(compare_idle, struct loop_row, idle_ns)

static const struct table_column columns[] = {
	{ "thread", "THREAD", 0, 0, 7, 14, TABLE_LEFT, true, render_tid, compare_tid },
	{ "program", "PROGRAM", 0, 6, 9, 16, TABLE_LEFT, true, render_process, compare_process },
	{ "pid", "PROCESS", 'P', 8, 7, 7, TABLE_RIGHT, true, render_pid, compare_pid },
	{ "container_pid", "INSIDE", 0, 10, 6, 7, TABLE_RIGHT, true, render_container_pid,
	  compare_container_pid },
	{ "busy", "BUSY%", 'B', 0, 5, 5, TABLE_RIGHT, false, render_busy, compare_busy },
	{ "split", "SPLIT", 0, 7, 10, 24, TABLE_LEFT, false, render_split, NULL },
	{ "gil", "GIL%", 'V', 3, 5, 5, TABLE_RIGHT, false, render_gil, compare_gil },
	{ "runqueue", "RUNQ%", 'O', 3, 5, 5, TABLE_RIGHT, false, render_runqueue,
	  compare_runqueue },
	{ "turn_p99", "TURN p99", 'C', 2, 8, 8, TABLE_RIGHT, false, render_p99, compare_p99 },
	{ "turn_max", "MAX", 'M', 9, 6, 6, TABLE_RIGHT, false, render_max, compare_max },
	{ "stalls", "STALLS", 'X', 4, 6, 6, TABLE_RIGHT, false, render_stalls, compare_stalls },
	{ "ready", "READY", 'R', 4, 5, 5, TABLE_RIGHT, false, render_ready, compare_ready },
	{ "executor", "EXECUTOR", 'E', 5, 8, 11, TABLE_LEFT, false, render_executor,
	  compare_executor },
	{ "now", "STUCK NOW", 0, 1, 22, 60, TABLE_LEFT, true, render_now, NULL },
	{ "rate", "STEPS/s", 'A', 10, 7, 7, TABLE_RIGHT, false, render_rate, compare_rate },
	{ "idle", "WAITING", 'W', 11, 7, 7, TABLE_RIGHT, false, render_idle, compare_idle },
	{ "steps", "STEPS", 0, 12, 7, 7, TABLE_RIGHT, false, render_steps, compare_steps },
	{ "in_steps", "IN STEPS", 0, 13, 8, 8, TABLE_RIGHT, false, render_step_ns,
	  compare_step_ns },
	{ "callbacks", "CALLBACKS", 'K', 14, 9, 9, TABLE_RIGHT, false, render_callbacks,
	  compare_callbacks },
	{ "turns", "TURNS", 'Q', 15, 7, 7, TABLE_RIGHT, false, render_turns, compare_turns },
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

/*
 * The first loop of a process stands for it; the others hang below. Rows are in the order of pid
 * and tid.
 */
static size_t parent(const struct snapshot *snapshot, size_t i)
{
	size_t first = i;

	while (first > 0 && snapshot->loops[first - 1].pid == snapshot->loops[i].pid)
		first--;
	return first < i ? first : SIZE_MAX;
}

static int term(const void *row, const char *word, const char *value)
{
	if (strcmp(word, "pid"))
		return -1;
	return strtoul(value, NULL, 10) == ((const struct loop_row *)row)->pid;
}

static const struct table_ops table = {
	.columns = columns,
	.n_columns = N_OF(columns),
	.sort = "busy",
	.empty = "No event loop has run so far.",
	.n_rows = n_rows,
	.row = row_at,
	.id = row_id,
	.term = term,
	.terms = "pid",
	.parent = parent,
	.tree = "by process",
};

static void subject(const void *row, struct screen_subject *ret)
{
	const struct loop_row *loop = row;

	ret->pid = loop->pid;
	ret->group = (struct screen_group){
		.is_some = true,
		.key = GROUP_PROCESS,
		.row = { .pid = loop->pid, .stalls = loop->stalls },
		.tid = loop->tid,
	};
	snprintf(ret->group.name, sizeof(ret->group.name), "thread %u of %s %u", loop->tid,
		 loop->process ?: "process", loop->pid);
}

const struct screen_ops screen_loops = {
	.name = "loops",
	.title = "Loops",
	.key = '6',
	.is_in_tabs = true,
	.table = &table,
	.subject = subject,
};
