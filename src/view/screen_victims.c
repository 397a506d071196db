/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Victims: tasks that were ready to run and had to wait, and the coroutine they waited behind most.
 * Enter shows that coroutine.
 */
#include <string.h>

#include "base/array.h"
#include "view/fold.h"
#include "view/render.h"
#include "view/screens.h"

/* Tasks without a name of their own are shown by what they run. */
static void render_name(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct victim_row *victim = row;
	const size_t members = scene->fold ? fold__members(scene->fold, victim) : 1;

	if (victim->name[0])
		cell__escape(cell, victim->name);
	else
		cell__escape(cell, victim->coroutine.name ? victim->coroutine.name : "(not known)");
	if (members > 1)
		cell__printf(cell, " (%zu)", members);
}

static void render_coroutine(const void *row, const struct table_scene *scene,
			     struct table_cell *cell)
{
	const struct victim_row *victim = row;

	(void)scene;
	if (victim->coroutine.name)
		cell__escape(cell, victim->coroutine.name);
}

RENDER_COUNT(render_times, struct victim_row, times)
RENDER_DURATION(render_starved, struct victim_row, starved_ns)
RENDER_STEP(render_worst, struct victim_row, worst_ns)
RENDER_AGO(render_last, struct victim_row, last_ns)

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

static void render_culprit(const void *row, const struct table_scene *scene,
			   struct table_cell *cell)
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
	{ "victim", "WHO WAITED", 0, 0, 12, 40, TABLE_NAME, true, render_name, NULL },
	{ "times", "TIMES", 'X', 2, 6, 6, TABLE_RIGHT, false, render_times, compare_times },
	{ "starved", "STARVED", 'V', 0, 7, 7, TABLE_RIGHT, false, render_starved, compare_starved },
	{ "mean", "MEAN", 'E', 5, 6, 6, TABLE_RIGHT, false, render_mean, compare_mean },
	{ "worst", "WORST", 'M', 3, 6, 6, TABLE_RIGHT, false, render_worst, compare_worst },
	{ "last", "AGO", 'A', 4, 6, 6, TABLE_RIGHT, false, render_last, compare_last },
	{ "behind", "BEHIND MOST", 0, 1, 12, 40, TABLE_NAME, true, render_culprit, NULL },
	{ "where", "WHERE", 0, 6, 12, 30, TABLE_LEFT, true, render_place, NULL },
	{ "coroutine", "ITS COROUTINE", 0, 7, 14, 30, TABLE_NAME, true, render_coroutine, NULL },
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
	const struct victim_row *victim = row;

	if (victim->name[0])
		return table__id(victim->name, NULL, 0);
	return table__id(victim->coroutine.name, victim->coroutine.file,
			 victim->coroutine.first_line);
}

static bool is_named(const struct code_info *code, const char *name)
{
	return code->name && !strcmp(code->name, name);
}

static int term(const void *row, const char *word, const char *value)
{
	const struct victim_row *victim = row;

	if (!strcmp(word, "behind"))
		return is_named(&victim->culprit, value);
	return strcmp(word, "coroutine") ? -1 : is_named(&victim->coroutine, value);
}

static const struct table_ops table = {
	.columns = columns,
	.n_columns = N_OF(columns),
	.sort = "starved",
	.empty = "Nobody had to wait so far.",
	.n_rows = n_rows,
	.row = row_at,
	.id = row_id,
	.term = term,
	.terms = "behind coroutine",
};

static void subject(const void *row, struct screen_subject *ret)
{
	const struct victim_row *victim = row;

	/* The culprit's coroutine; if that is not known, the victim's. */
	ret->coroutine = victim->culprit.name ? victim->culprit : victim->coroutine;
	if (ret->coroutine.file)
		ret->at = (struct model_frame){ ret->coroutine.name, ret->coroutine.file,
						ret->coroutine.first_line };
}

const struct screen_ops screen_victims = {
	.name = "victims",
	.title = "Victims",
	.key = '4',
	.is_in_tabs = true,
	.folds = true,
	.table = &table,
	.subject = subject,
};
