/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tasks by where they wait, one row for each group: how many, since when, and who created them.
 * The other side of the screen Tasks.
 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "view/render.h"
#include "view/screens.h"

static void render_coroutine(const void *row, const struct table_scene *scene,
			     struct table_cell *cell)
{
	(void)scene;
	cell__escape(cell, life_row__coroutine(row).name ?: "?");
}

static void render_life(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct life_row *life = row;

	(void)scene;
	cell__printf(cell, "%s", life_kind__word(life->kind));
	cell->attr = life->found_ns ? ATTR_WARN : ATTR_DIM;
}

static void render_oldest(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct life_row *life = row;

	if (life->since_ns)
		cell__ago(cell, scene, life->since_ns);
}

/* Of other kinds it is not known. */
static void render_unawaited(const void *row, const struct table_scene *scene,
			     struct table_cell *cell)
{
	const struct life_row *life = row;

	(void)scene;
	if (life->kind == LIFE_ALIVE)
		cell__count(cell, life->unawaited);
	else
		cell__printf(cell, "-");
}

static void render_type(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	(void)scene;
	cell__escape(cell, life_row__type(row));
}

static void render_where(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct life_row *life = row;

	(void)scene;
	cell__place(cell, life->at.file, life->at.line);
	if (life->at.function) {
		cell__printf(cell, " in ");
		cell__escape(cell, life->at.function);
	}
}

static void render_origin(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct life_row *life = row;

	(void)scene;
	if (!life->origin.line) {
		cell__printf(cell, "-");
		cell->attr = ATTR_DIM;
		return;
	}
	cell__place(cell, life->origin.file, life->origin.line);
	if (!*life->origin.function)
		return;
	cell__printf(cell, " in ");
	cell__escape(cell, life->origin.function);
}

RENDER_NUMBER(render_pid, struct life_row, pid)
RENDER_FIELD(render_count, struct life_row, cell__count(cell, r->count))

static int compare_coroutine(const void *a, const void *b)
{
	return strcmp(life_row__coroutine(a).name ?: "", life_row__coroutine(b).name ?: "");
}

static int compare_type(const void *a, const void *b)
{
	return strcmp(life_row__type(a), life_row__type(b));
}

/* The oldest was seen first; a group without members is the youngest. */
static int compare_oldest(const void *a, const void *b)
{
	const uint64_t x = ((const struct life_row *)a)->since_ns - 1,
		       y = ((const struct life_row *)b)->since_ns - 1;

	return (y > x) - (y < x);
}

TABLE_COMPARE(compare_life, struct life_row, kind)
TABLE_COMPARE(compare_count, struct life_row, count)
TABLE_COMPARE(compare_unawaited, struct life_row, unawaited)
TABLE_COMPARE(compare_pid, struct life_row, pid)

static const struct table_column columns[] = {
	{ "coroutine", "COROUTINE", 'C', 0, 12, 36, TABLE_LEFT, true, render_coroutine,
	  compare_coroutine },
	{ "life", "LIFE", 'R', 0, 9, 9, TABLE_LEFT, false, render_life, compare_life },
	{ "count", "COUNT", 'A', 0, 6, 6, TABLE_RIGHT, false, render_count, compare_count },
	{ "oldest", "OLDEST", 'E', 2, 6, 6, TABLE_RIGHT, false, render_oldest, compare_oldest },
	{ "unawaited", "UNAWAITED", 'B', 5, 9, 9, TABLE_RIGHT, false, render_unawaited,
	  compare_unawaited },
	{ "waits", "WAITS FOR", 'V', 4, 10, 18, TABLE_LEFT, true, render_type, compare_type },
	{ "where", "WHERE", 0, 1, 20, 48, TABLE_LEFT, true, render_where, NULL },
	{ "created", "CREATED BY", 0, 3, 12, 40, TABLE_LEFT, true, render_origin, NULL },
	{ "pid", "PROCESS", 'P', 6, 7, 7, TABLE_RIGHT, true, render_pid, compare_pid },
};

static size_t n_rows(const struct snapshot *snapshot)
{
	return snapshot->n_lives;
}

static const void *row_at(const struct snapshot *snapshot, size_t i)
{
	return &snapshot->lives[i];
}

static uint64_t row_id(const void *row)
{
	const struct life_row *life = row;
	const uint64_t where = (uint64_t)life->kind << 56 ^ (uint64_t)life->pid << 28 ^
		(uint64_t)life->origin.line << 14 ^ life->at.line;

	return table__id(life->coroutine.name, life->type, where);
}

static int term(const void *row, const char *word, const char *value)
{
	const struct life_row *life = row;

	if (!strcmp(word, "pid"))
		return life->pid == strtoul(value, NULL, 10);
	if (!strcmp(word, "life"))
		return !strcmp(life_kind__word(life->kind), value);
	if (!strcmp(word, "waits"))
		return !strcasecmp(life_row__type(life), value);
	if (!strcmp(word, "coroutine"))
		return !strcmp(life_row__coroutine(life).name ?: "", value);
	return -1;
}

static const struct table_ops table = {
	.columns = columns,
	.n_columns = N_OF(columns),
	.sort = "count",
	.empty = "No task was seen in two looks so far.",
	.n_rows = n_rows,
	.row = row_at,
	.id = row_id,
	.term = term,
};

static void subject(const void *row, struct screen_subject *ret)
{
	const struct life_row *life = row;

	ret->pid = life->pid;
	ret->coroutine = life_row__coroutine(life);
	ret->at = life->at;
	if (!ret->at.file)
		ret->at = (struct model_frame){ ret->coroutine.name, ret->coroutine.file,
						ret->coroutine.first_line };
}

const struct screen_ops screen_places = {
	.name = "places",
	.title = "Tasks by place",
	.other = "tasks",
	.keys = "g One by one",
	.table = &table,
	.subject = subject,
};
