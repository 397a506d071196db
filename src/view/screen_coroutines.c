/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The default screen: who starves the loop, one row for each coroutine function.
 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "view/alarm.h"
#include "view/render.h"
#include "view/screens.h"

static void render_name(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct coroutine_row *r = row;

	(void)scene;
	cell__escape(cell, r->coroutine.name);
}

RENDER_COUNT(render_steps, struct coroutine_row, steps)
RENDER_RATE(render_rate, struct coroutine_row, steps_per_s)
RENDER_SHARE(render_busy, struct coroutine_row, busy)
RENDER_STEP(render_p50, struct coroutine_row, p50_ns)
RENDER_STEP(render_p95, struct coroutine_row, p95_ns)
RENDER_STEP(render_p99, struct coroutine_row, p99_ns)
RENDER_STEP(render_max, struct coroutine_row, max_ns)
RENDER_DURATION(render_suffered, struct coroutine_row, suffered_ns)

/* Is it stuck? */
static bool is_first(const void *row, const struct table_scene *scene)
{
	const struct coroutine_row *r = row;

	return r->open && scene->now_ns > r->open_since_ns &&
		alarm__is_due(scene->now_ns - r->open_since_ns, scene->threshold_ns);
}

static void render_stalls(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct coroutine_row *r = row;

	if (!is_first(row, scene)) {
		cell__stalls(cell, r->stalls);
		return;
	}
	cell__printf(cell, "%u now", r->open);
	cell->attr = ATTR_ALARM;
}

static void render_trend(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct coroutine_row *r = row;

	cell__trend(cell, scene, r->trend, r->n_trend < MODEL_TREND ? r->n_trend : MODEL_TREND);
}

static void render_split(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct coroutine_row *r = row;

	(void)scene;
	cell__split(cell, r->cpu_ns, r->blocked_ns, r->gil_ns, r->runqueue_ns);
}

static void render_starved(const void *row, const struct table_scene *scene,
			   struct table_cell *cell)
{
	const struct coroutine_row *r = row;

	(void)scene;
	cell__duration(cell, r->starved_ns);
	/* What the default order is about. */
	cell->attr = r->starved_ns > 0 ? ATTR_BOLD : ATTR_DIM;
}

static void render_where(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct coroutine_row *r = row;

	(void)scene;
	if (r->where.file) {
		cell__place(cell, r->where.file, r->where.line);
		cell__printf(cell, " %s", vocabulary_cause(r->where_cause));
	} else {
		cell__place(cell, r->coroutine.file, r->coroutine.first_line);
		cell->attr = ATTR_DIM;
	}
}

static int compare_name(const void *a, const void *b)
{
	const struct coroutine_row *x = a, *y = b;

	return strcmp(x->coroutine.name, y->coroutine.name);
}

TABLE_COMPARE(compare_steps, struct coroutine_row, steps)
TABLE_COMPARE(compare_rate, struct coroutine_row, steps_per_s)
TABLE_COMPARE(compare_busy, struct coroutine_row, busy)
TABLE_COMPARE(compare_p50, struct coroutine_row, p50_ns)
TABLE_COMPARE(compare_p95, struct coroutine_row, p95_ns)
TABLE_COMPARE(compare_p99, struct coroutine_row, p99_ns)
TABLE_COMPARE(compare_max, struct coroutine_row, max_ns)
TABLE_COMPARE(compare_stalls, struct coroutine_row, stalls)
TABLE_COMPARE(compare_starved, struct coroutine_row, starved_ns)
TABLE_COMPARE(compare_suffered, struct coroutine_row, suffered_ns)

static const struct table_column columns[] = {
	{ "name", "COROUTINE", 'C', 0, 16, 48, TABLE_LEFT, true, render_name, compare_name },
	{ "steps", "STEPS", 'A', 9, 6, 6, TABLE_RIGHT, false, render_steps, compare_steps },
	{ "rate", "STEPS/s", 'R', 8, 7, 7, TABLE_RIGHT, false, render_rate, compare_rate },
	{ "busy", "BUSY%", 'B', 2, 5, 5, TABLE_RIGHT, false, render_busy, compare_busy },
	{ "trend", "TREND", 0, 6, TREND_COLUMNS, TREND_COLUMNS, TABLE_RIGHT, false, render_trend,
	  NULL },
	{ "p50", "p50", 'O', 10, 6, 6, TABLE_RIGHT, false, render_p50, compare_p50 },
	{ "p95", "p95", 'Q', 11, 6, 6, TABLE_RIGHT, false, render_p95, compare_p95 },
	{ "p99", "p99", 'P', 5, 6, 6, TABLE_RIGHT, false, render_p99, compare_p99 },
	{ "max", "MAX", 'M', 1, 6, 6, TABLE_RIGHT, false, render_max, compare_max },
	{ "stalls", "STALLS", 'X', 4, 6, 6, TABLE_RIGHT, false, render_stalls, compare_stalls },
	{ "split", "SPLIT", 0, 7, 10, 24, TABLE_LEFT, false, render_split, NULL },
	{ "starved", "STARVED", 'V', 1, 7, 7, TABLE_RIGHT, false, render_starved, compare_starved },
	{ "suffered", "SUFFERED", 'W', 7, 8, 8, TABLE_RIGHT, false, render_suffered,
	  compare_suffered },
	{ "where", "WHERE", 0, 3, 18, 40, TABLE_LEFT, true, render_where, NULL },
};

static size_t n_rows(const struct snapshot *snapshot)
{
	return snapshot->n_rows;
}

static const void *row_at(const struct snapshot *snapshot, size_t i)
{
	return &snapshot->rows[i];
}

static uint64_t row_id(const void *row)
{
	const struct coroutine_row *r = row;

	return table__id(r->coroutine.name, r->coroutine.file, r->coroutine.first_line);
}

static int row_term(const void *row, const char *word, const char *value)
{
	const struct coroutine_row *r = row;

	if (!strcmp(word, "cause"))
		return r->where.file && !strcmp(vocabulary_cause(r->where_cause), value);
	if (!strcmp(word, "pid"))
		return r->pid == strtoul(value, NULL, 10);
	return -1;
}

static const struct table_ops table = {
	.columns = columns,
	.n_columns = N_OF(columns),
	.sort = "starved",
	.empty = "No step so far.",
	.n_rows = n_rows,
	.row = row_at,
	.id = row_id,
	.is_first = is_first,
	.term = row_term,
};

static void subject(const void *row, struct screen_subject *ret)
{
	const struct coroutine_row *r = row;

	ret->coroutine = r->coroutine;
	ret->pid = r->pid;
	ret->at = r->where;
	if (!r->where.file)
		ret->at = (struct model_frame){ r->coroutine.name, r->coroutine.file,
						r->coroutine.first_line };
}

const struct screen_ops screen_coroutines = {
	.name = "coroutines",
	.title = "Coroutines",
	.key = '1',
	.is_in_tabs = true,
	.table = &table,
	.subject = subject,
};
