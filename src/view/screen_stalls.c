/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The newest stalls, one row each, those that are open first; `w` puts the longest first, and back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/time.h"
#include "model/turn.h"
#include "view/alarm.h"
#include "view/render.h"
#include "view/screens.h"

#define SEVERE_NS (100 * NS_PER_MS)

static bool is_open(const void *row)
{
	const struct stall *s = row;

	return s->end == LS_END_OPEN;
}

static void render_when(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct stall *s = row;
	uint64_t end_ns = s->start_ns + s->duration_ns;

	if (is_open(s)) {
		cell__printf(cell, "now");
		cell->attr = ATTR_ALARM;
		return;
	}
	cell__duration(cell, scene->now_ns > end_ns ? scene->now_ns - end_ns : 0);
}

static void render_duration(const void *row, const struct table_scene *scene,
			    struct table_cell *cell)
{
	const struct stall *s = row;

	cell__duration(cell, alarm__lasted_ns(s, scene->snapshot->live_ns, scene->now_ns));
	cell->attr = is_open(s) ? ATTR_ALARM : s->duration_ns >= SEVERE_NS ? ATTR_BAD : ATTR_WARN;
}

static void render_who(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct stall *s = row;
	const struct code_info *most = turn__coroutine(s);

	(void)scene;
	if (s->coroutine.name)
		cell__escape(cell, s->coroutine.name);
	else if (most)
		cell__escape(cell, most->name);
	else
		cell__printf(cell, "(%s)", vocabulary_unit(s->unit));
}

/* As logs have it. */
static void render_began(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	char at[WORDS_BYTES];

	cell__printf(cell, "%s",
		     words__time_of_day(((const struct stall *)row)->start_ns,
					scene->clock_offset_ns, at));
}

static void render_task(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct stall *s = row;

	(void)scene;
	cell__escape(cell, s->task_name);
}

static void render_cause(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct stall *s = row;

	(void)scene;
	cell__escape(cell, words__call(s->words, s->cause, s->sign, s->call_syscall));
}

static void render_where(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct stall *s = row;

	(void)scene;
	if (s->own.file)
		cell__place(cell, s->own.file, s->own.line);
	else
		cell__place(cell, s->call.file, s->call.line);
}

static void render_split(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct stall *s = row;

	(void)scene;
	cell__split(cell, s->cpu_ns, s->blocked_ns, s->gil_ns, s->runqueue_ns);
}

static void render_victims(const void *row, const struct table_scene *scene,
			   struct table_cell *cell)
{
	const struct stall *s = row;

	(void)scene;
	if (s->is_victims_unknown)
		cell__printf(cell, "?");
	else
		cell__printf(cell, "%u%s", s->victims, s->is_victims_cut ? "+" : "");
}

static void render_starved(const void *row, const struct table_scene *scene,
			   struct table_cell *cell)
{
	const struct stall *s = row;

	(void)scene;
	/* So far; 0 before the second look at those who wait. */
	if (s->is_victims_unknown || (is_open(s) && s->victims && !s->starved_ns))
		cell__printf(cell, "?");
	else
		cell__duration(cell, s->starved_ns);
}

RENDER_NUMBER(render_pid, struct stall, pid)

static int compare_who(const void *a, const void *b)
{
	const struct stall *x = a, *y = b;

	return strcmp(x->coroutine.name ? x->coroutine.name : "",
		      y->coroutine.name ? y->coroutine.name : "");
}

static int compare_cause(const void *a, const void *b)
{
	const struct stall *x = a, *y = b;

	return strcmp(words__call(x->words, x->cause, x->sign, x->call_syscall),
		      words__call(y->words, y->cause, y->sign, y->call_syscall));
}

/* By their end, which the column is about. */
static int compare_when(const void *a, const void *b)
{
	const struct stall *x = a, *y = b;
	const uint64_t x_ns = x->start_ns + x->duration_ns, y_ns = y->start_ns + y->duration_ns;

	return (x_ns > y_ns) - (x_ns < y_ns);
}

TABLE_COMPARE(compare_duration, struct stall, duration_ns)
TABLE_COMPARE(compare_victims, struct stall, victims)
TABLE_COMPARE(compare_starved, struct stall, starved_ns)
TABLE_COMPARE(compare_pid, struct stall, pid)

static const struct table_column columns[] = {
	{ "when", "AGO", 'A', 0, 6, 6, TABLE_RIGHT, false, render_when, compare_when },
	{ "duration", "LASTED", 'D', 0, 6, 6, TABLE_RIGHT, false, render_duration,
	  compare_duration },
	{ "name", "COROUTINE", 'C', 0, 14, 40, TABLE_NAME, true, render_who, compare_who },
	{ "task", "TASK", 0, 5, 8, 24, TABLE_NAME, true, render_task, NULL },
	{ "cause", "BLOCKED IN", 'X', 2, 11, 24, TABLE_LEFT, true, render_cause, compare_cause },
	{ "where", "WHERE", 0, 1, 15, 32, TABLE_LEFT, true, render_where, NULL },
	{ "split", "SPLIT", 0, 6, 10, 20, TABLE_LEFT, false, render_split, NULL },
	{ "victims", "VICTIMS", 'V', 4, 7, 7, TABLE_RIGHT, false, render_victims, compare_victims },
	{ "starved", "STARVED", 'W', 3, 7, 7, TABLE_RIGHT, false, render_starved, compare_starved },
	{ "pid", "PID", 'P', 7, 7, 7, TABLE_RIGHT, true, render_pid, compare_pid },
	{ "began", "BEGAN", 0, 8, 12, 12, TABLE_RIGHT, false, render_began, NULL },
};

static size_t n_rows(const struct snapshot *snapshot)
{
	return snapshot->n_live + snapshot->n_stalls;
}

static const void *row_at(const struct snapshot *snapshot, size_t i)
{
	return i < snapshot->n_live ? &snapshot->live[i] :
				      snapshot->stall_list[i - snapshot->n_live];
}

static uint64_t row_id(const void *row)
{
	const struct stall *s = row;

	return table__id(NULL, NULL,
			 s->start_ns ^ (uint64_t)s->tid << 40 ^ (uint64_t)s->unit << 62);
}

static bool is_first(const void *row, const struct table_scene *scene)
{
	(void)scene;
	return is_open(row);
}

static bool is_in(const void *row, const struct screen_group *group)
{
	return screen_group__has(group, row);
}

static int row_term(const void *row, const char *word, const char *value)
{
	const struct stall *s = row;

	if (!strcmp(word, "cause"))
		return !strcmp(vocabulary_cause(s->cause), value);
	if (!strcmp(word, "pid"))
		return s->pid == strtoul(value, NULL, 10);
	if (!strcmp(word, "tid"))
		return s->tid == strtoul(value, NULL, 10);
	return -1;
}

static const struct table_ops table = {
	.columns = columns,
	.n_columns = N_OF(columns),
	.sort = "when",
	.keeps = MODEL_MAX_STALLS,
	.empty = "No stall so far.",
	.n_rows = n_rows,
	.row = row_at,
	.id = row_id,
	.is_first = is_first,
	.is_in = is_in,
	.term = row_term,
	.terms = "cause pid tid",
};

static void subject(const void *row, struct screen_subject *ret)
{
	const struct stall *s = row;

	ret->coroutine = s->coroutine;
	ret->pid = s->pid;
	ret->stall_ns = s->start_ns;
	ret->at = s->own.file ? s->own : s->call;
	if (!ret->at.file)
		ret->at = (struct model_frame){ s->coroutine.name, s->coroutine.file,
						s->coroutine.first_line };
}

static bool input(void *state, struct table *t, const struct view_event *event,
		  enum view_request *ret_request)
{
	(void)state;
	(void)ret_request;
	if (event->key != 'w')
		return false;
	table__sort(t, strcmp(table__sorted_by(t), "when") ? "when" : "duration");
	table__first(t);
	return true;
}

const struct screen_ops screen_stalls = {
	.name = "stalls",
	.title = "Stalls",
	.key = '3',
	.is_in_tabs = true,
	.keys = "w Newest/worst",
	.table = &table,
	.subject = subject,
	.input = input,
};
