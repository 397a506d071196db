/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Victims: tasks that were ready to run and had to wait, and the coroutine they waited behind most. Enter tells of that
 * coroutine.
 */
#include "view/screens.h"
#include "view/words.h"

static void render_name(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct victim_row *victim = row;

	(void)scene;
	cell__escape(cell, victim->name);
}

static void render_times(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	(void)scene;
	cell__count(cell, ((const struct victim_row *)row)->times);
}

static void render_starved(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	(void)scene;
	cell__duration(cell, ((const struct victim_row *)row)->starved_ns);
}

static uint64_t mean_ns(const struct victim_row *victim)
{
	return victim->times ? victim->starved_ns / victim->times : 0;
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

static void render_worst(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	(void)scene;
	cell__duration(cell, ((const struct victim_row *)row)->worst_ns);
}

static void render_last(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct victim_row *victim = row;

	if (scene->now_ns >= victim->last_ns)
		cell__duration(cell, scene->now_ns - victim->last_ns);
}

static void render_culprit(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct victim_row *victim = row;

	(void)scene;
	cell__escape(cell, victim->culprit.name ? victim->culprit.name : "(not known)");
}

static void render_place(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct victim_row *victim = row;

	(void)scene;
	cell__place(cell, victim->culprit.file, victim->culprit.first_line);
}

TABLE_COMPARE(compare_times, struct victim_row, times)
TABLE_COMPARE(compare_starved, struct victim_row, starved_ns)
TABLE_COMPARE(compare_worst, struct victim_row, worst_ns)
TABLE_COMPARE(compare_last, struct victim_row, last_ns)

static const struct table_column columns[] = {
	{ "victim", "WHO WAITED", 0, 0, 12, 40, TABLE_LEFT, true, render_name, NULL },
	{ "times", "TIMES", 'X', 2, 6, 6, TABLE_RIGHT, false, render_times, compare_times },
	{ "starved", "STARVED", 'V', 0, 7, 7, TABLE_RIGHT, false, render_starved, compare_starved },
	{ "mean", "MEAN", 'E', 5, 6, 6, TABLE_RIGHT, false, render_mean, compare_mean },
	{ "worst", "WORST", 'M', 3, 6, 6, TABLE_RIGHT, false, render_worst, compare_worst },
	{ "last", "AGO", 'A', 4, 6, 6, TABLE_RIGHT, false, render_last, compare_last },
	{ "behind", "BEHIND MOST", 0, 1, 12, 40, TABLE_LEFT, true, render_culprit, NULL },
	{ "where", "WHERE", 0, 6, 12, 30, TABLE_LEFT, true, render_place, NULL },
};

static size_t n_rows(const struct snapshot *snapshot)
{
	return snapshot->n_victims;
}

static const void *row_at(const struct snapshot *snapshot, size_t i)
{
	return &snapshot->victims[i];
}

static uint64_t row_id(const void *row)
{
	return table__id(((const struct victim_row *)row)->name, NULL, 0);
}

static const struct table_ops table = {
	.columns = columns,
	.n_columns = sizeof(columns) / sizeof(columns[0]),
	.sort = "starved",
	.empty = "Nobody had to wait so far.",
	.n_rows = n_rows,
	.row = row_at,
	.id = row_id,
};

static void subject(const void *row, struct screen_subject *ret)
{
	ret->coroutine = ((const struct victim_row *)row)->culprit;
}

const struct screen_ops screen_victims = {
	.name = "victims",
	.title = "Victims",
	.key = '3',
	.is_in_tabs = true,
	.table = &table,
	.subject = subject,
};
