/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happened besides stalls: attached, a process ended, a setting changed, measurements were
 * lost. The newest line is the first.
 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/time.h"
#include "view/render.h"
#include "view/screens.h"

#define LINE_COLUMNS 400

static const struct {
	const char *word, *utf8, *ascii;
	enum canvas_attr attr;
} grades[] = {
	[LOG_GRADE_INFO] = { "info", "\u00b7", ".", ATTR_DIM },
	[LOG_GRADE_WARNING] = { "warning", "\u25b2", "!", ATTR_WARN },
	[LOG_GRADE_ERROR] = { "error", "\u2717", "X", ATTR_BAD },
};

/* Since the beginning, as the clock in the header counts. */
static void render_at(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	uint64_t at_ns = ((const struct log_row *)row)->at_ns;
	uint64_t s = at_ns > scene->started_ns ? (at_ns - scene->started_ns) / NS_PER_S : 0;

	cell__printf(cell, "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600, s / 60 % 60, s % 60);
	cell->attr = ATTR_DIM;
}

static void render_grade(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	enum log_grade grade = ((const struct log_row *)row)->grade;

	cell__printf(cell, "%s %s", scene->is_utf8 ? grades[grade].utf8 : grades[grade].ascii,
		     grades[grade].word);
	cell->attr = grades[grade].attr;
}

static void render_pid(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	uint32_t pid = ((const struct log_row *)row)->pid;

	(void)scene;
	if (pid)
		cell__printf(cell, "%u", pid);
}

static void render_text(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct log_row *r = row;

	(void)scene;
	cell__escape(cell, r->text);
	if (r->grade != LOG_GRADE_INFO)
		cell->attr = grades[r->grade].attr;
}

TABLE_COMPARE(compare_at, struct log_row, number)
TABLE_COMPARE(compare_grade, struct log_row, grade)
TABLE_COMPARE(compare_pid, struct log_row, pid)

static const struct table_column columns[] = {
	{ "at", "AT", 'A', 0, 8, 9, TABLE_LEFT, false, render_at, compare_at },
	{ "grade", "GRADE", 'X', 0, 9, 9, TABLE_LEFT, false, render_grade, compare_grade },
	{ "pid", "PROCESS", 'P', 1, 7, 8, TABLE_RIGHT, true, render_pid, compare_pid },
	{ "text", "WHAT HAPPENED", 0, 0, 20, LINE_COLUMNS, TABLE_LEFT, true, render_text, NULL },
};

static size_t n_rows(const struct snapshot *snapshot)
{
	return snapshot->n_log;
}

static const void *row_at(const struct snapshot *snapshot, size_t i)
{
	return &snapshot->log[i];
}

static uint64_t row_id(const void *row)
{
	return table__id(NULL, NULL, ((const struct log_row *)row)->number);
}

static int term(const void *row, const char *word, const char *value)
{
	const struct log_row *r = row;

	if (!strcmp(word, "grade"))
		return !strcmp(grades[r->grade].word, value);
	return strcmp(word, "pid") ? -1 : r->pid == strtoul(value, NULL, 10);
}

static const struct table_ops table = {
	.columns = columns,
	.n_columns = N_OF(columns),
	.sort = "at",
	.empty = "Nothing happened so far: nobody came, went or got lost.",
	.n_rows = n_rows,
	.row = row_at,
	.id = row_id,
	.term = term,
	.terms = "grade pid",
};

static void subject(const void *row, struct screen_subject *ret)
{
	const struct log_row *r = row;

	ret->log = r->number;
	ret->pid = r->pid;
}

const struct screen_ops screen_log = {
	.name = "log",
	.title = "Log",
	.key = '8',
	.is_in_tabs = true,
	.table = &table,
	.subject = subject,
};
