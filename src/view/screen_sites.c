/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call sites: the source lines in which stalls spent their time, with the cause. Enter shows all
 * stalls at that line, whatever their coroutine.
 */
#include "base/array.h"
#include "view/cause.h"
#include "view/render.h"
#include "view/screens.h"

static void render_place(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct site_row *site = row;

	(void)scene;
	if (site->at.file)
		cell__place(cell, site->at.file, site->at.line);
	else
		cell__printf(cell, "(not known)");
}

static void render_function(const void *row, const struct table_scene *scene,
			    struct table_cell *cell)
{
	const struct site_row *site = row;

	(void)scene;
	if (site->at.function)
		cell__escape(cell, site->at.function);
}

static void render_call(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct site_row *site = row;

	(void)scene;
	cell->attr = cause_attr(site->cause);
	cell__escape(cell, words__call(site->words, site->cause, site->sign, site->syscall));
}

static void render_cause(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct site_row *site = row;

	(void)scene;
	cell->attr = cause_attr(site->cause);
	cell__printf(cell, "%s", vocabulary_cause(site->cause));
}

RENDER_COUNT(render_stalls, struct site_row, stalls)
RENDER_DURATION(render_total, struct site_row, total_ns)
RENDER_STEP(render_max, struct site_row, max_ns)
RENDER_DURATION(render_starved, struct site_row, starved_ns)
RENDER_AGO(render_last, struct site_row, last_ns)

static uint64_t mean_ns(const struct site_row *site)
{
	return site->stalls ? site->total_ns / site->stalls : 0;
}

static void render_mean(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	(void)scene;
	cell__duration(cell, mean_ns(row));
}

static int compare_mean(const void *a, const void *b)
{
	return (mean_ns(a) > mean_ns(b)) - (mean_ns(a) < mean_ns(b));
}

static void render_coroutine(const void *row, const struct table_scene *scene,
			     struct table_cell *cell)
{
	const struct site_row *site = row;

	(void)scene;
	if (site->coroutine.name)
		cell__escape(cell, site->coroutine.name);
}

TABLE_COMPARE(compare_cause, struct site_row, cause)
TABLE_COMPARE(compare_stalls, struct site_row, stalls)
TABLE_COMPARE(compare_total, struct site_row, total_ns)
TABLE_COMPARE(compare_max, struct site_row, max_ns)
TABLE_COMPARE(compare_starved, struct site_row, starved_ns)
TABLE_COMPARE(compare_last, struct site_row, last_ns)

static const struct table_column columns[] = {
	{ "site", "CALL SITE", 0, 0, 16, 30, TABLE_LEFT, true, render_place, NULL },
	{ "call", "CALL", 0, 1, 12, 24, TABLE_LEFT, true, render_call, NULL },
	{ "cause", "CAUSE", 'C', 6, 9, 9, TABLE_LEFT, true, render_cause, compare_cause },
	{ "stalls", "STALLS", 'X', 2, 6, 6, TABLE_RIGHT, false, render_stalls, compare_stalls },
	{ "total", "TOTAL", 'O', 0, 6, 6, TABLE_RIGHT, false, render_total, compare_total },
	{ "mean", "MEAN", 'E', 5, 6, 6, TABLE_RIGHT, false, render_mean, compare_mean },
	{ "max", "MAX", 'M', 3, 6, 6, TABLE_RIGHT, false, render_max, compare_max },
	{ "starved", "STARVED", 'V', 1, 7, 7, TABLE_RIGHT, false, render_starved, compare_starved },
	{ "last", "AGO", 'A', 4, 6, 6, TABLE_RIGHT, false, render_last, compare_last },
	{ "function", "FUNCTION", 0, 8, 10, 24, TABLE_NAME, true, render_function, NULL },
	{ "coroutine", "COROUTINE", 0, 7, 10, 30, TABLE_NAME, true, render_coroutine, NULL },
};

static size_t n_rows(const struct snapshot *snapshot)
{
	return snapshot->n_sites;
}

static const void *row_at(const struct snapshot *snapshot, size_t i)
{
	return &snapshot->sites[i];
}

static uint64_t row_id(const void *row)
{
	const struct site_row *site = row;

	return table__id(site->at.file, site->syscall,
			 (uint64_t)site->at.line * LS_CAUSE_MAX + site->cause);
}

static int term(const void *row, const char *word, const char *value)
{
	const struct site_row *site = row;

	return cause_term(site->cause, word, value);
}

static const struct table_ops table = {
	.columns = columns,
	.n_columns = N_OF(columns),
	.sort = "total",
	.empty = "No stall so far, so no line to blame.",
	.n_rows = n_rows,
	.row = row_at,
	.id = row_id,
	.term = term,
	.terms = "cause",
};

static void subject(const void *row, struct screen_subject *ret)
{
	const struct site_row *site = row;

	ret->at = site->at;
	if (!site->at.file)
		ret->coroutine = site->coroutine;
}

const struct screen_ops screen_sites = {
	.name = "sites",
	.title = "Sites",
	.key = '5',
	.is_in_tabs = true,
	.table = &table,
	.subject = subject,
};
