/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The default screen: who starves the loop. One row for each coroutine function, or for what else
 * the user groups by (g): of that only stalls are known.
 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/time.h"
#include "view/alarm.h"
#include "view/render.h"
#include "view/screens.h"
#include "view/since.h"

/* Fewer say nothing about a change. */
#define MIN_STEPS 30
#define MIN_STALLS 5

/* A callback is marked, because functions of both kinds may have one name. */
static void render_name(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct group_row *r = row;
	const bool is_file = r->file && !strcmp(r->file, r->name);

	(void)scene;
	if (r->unit == LS_UNIT_CALLBACK && !r->is_entry)
		cell__printf(cell, "cb ");
	cell__escape(cell, is_file ? words__file(r->name) : r->name);
	if (!r->file && r->has_steps && !r->has_percentiles)
		cell__printf(cell, " %u", r->pid);
}

static void cell__unknown(struct table_cell *cell)
{
	cell__printf(cell, "-");
	cell->attr = ATTR_DIM;
}

/*
 * A change of a value. Dim: too few steps or stalls to mean anything; coloured: half as much again,
 * or a third less, if that is good or bad.
 */
static void cell__change(struct table_cell *cell, double now, double before, bool is_enough,
			 bool is_bad)
{
	const double ratio = before > 0 ? now / before : 1;

	cell->attr = is_enough ? ATTR_NORMAL : ATTR_DIM;
	if (before <= 0 && now > 0)
		cell__printf(cell, "new");
	else if (ratio >= 2)
		cell__printf(cell, "x%.3g", ratio);
	else if (ratio > 1.1 || ratio < 0.9)
		cell__printf(cell, "%+.0f%%", (ratio - 1) * 100);
	else
		cell__printf(cell, "=");
	if (is_enough && is_bad && (before <= 0 ? now > 0 : ratio >= 1.5))
		cell->attr = ATTR_BAD;
	else if (is_enough && is_bad && before > 0 && ratio <= 0.67)
		cell->attr = ATTR_GOOD;
}

/* False if there is nothing to compare the row with. */
static bool has_base(const struct table_scene *scene, const struct group_row *row,
		     struct since_base *ret)
{
	const struct since_base *found;

	if (!scene->since)
		return false;
	found = since__base(scene->since, scene->group, row);
	*ret = found ? *found : (struct since_base){};
	return true;
}

static bool has_steps(const struct group_row *row, const struct since_base *b)
{
	return row->steps >= MIN_STEPS && b->steps >= MIN_STEPS;
}

static bool has_stalls(const struct group_row *row, const struct since_base *b)
{
	return row->stalls + b->stalls >= MIN_STALLS;
}

static double seconds_of(const struct table_scene *scene)
{
	const uint64_t ns = since__duration_ns(scene->since);

	return ns ? (double)ns / NS_PER_S : 1;
}

/* Of a part of the time it may not be known. */
static void render_longest(const struct group_row *row, struct table_cell *cell)
{
	if (row->stalls && !row->max_ns)
		cell__unknown(cell);
	else
		cell__step(cell, row->max_ns);
}

static bool is_counted(const struct group_row *row, const struct table_scene *scene)
{
	return row->has_steps && light__has_steps(&scene->light, row->steps);
}

static bool has_percentile(const struct group_row *row, const struct table_scene *scene,
			   double percent)
{
	return row->has_percentiles &&
		light__has_percentile(&scene->light, row->steps, row->stalls, percent);
}

/* Scaled up from those that were timed. */
static void cell__steps(struct table_cell *cell, const struct table_scene *scene, uint64_t steps)
{
	const uint64_t scaled = light__scale(&scene->light, steps);

	if (light__is_partial(&scene->light))
		cell__printf(cell, "~");
	/* An estimate has no tenths, for which the column has no room either. */
	if (light__is_partial(&scene->light) && scaled >= 100000 && scaled < 1000000)
		cell__printf(cell, "%" PRIu64 "k", (scaled + 500) / 1000);
	else
		cell__count(cell, scaled);
}

static void cell__percentile(struct table_cell *cell, const struct table_scene *scene, uint64_t ns)
{
	if (light__is_partial(&scene->light))
		cell__printf(cell, "~");
	cell__step(cell, ns);
}

/*
 * What is not counted of a row is no zero. With a baseline, how much `now` differs from `before`
 * (of the baseline `b`); else what `write` writes.
 */
#define RENDER_KNOWN(function, is_known, now, before, is_enough, is_bad, write)                    \
	static void function(const void *row, const struct table_scene *scene,                     \
			     struct table_cell *cell)                                              \
	{                                                                                          \
		const struct group_row *r = row;                                                   \
		struct since_base b;                                                               \
                                                                                                   \
		if (!(is_known))                                                                   \
			cell__unknown(cell);                                                       \
		else if (has_base(scene, r, &b))                                                   \
			cell__change(cell, (double)(now), (double)(before), is_enough(r, &b),      \
				     is_bad);                                                      \
		else                                                                               \
			write;                                                                     \
	}

RENDER_KNOWN(render_steps, is_counted(r, scene), r->steps / seconds_of(scene), b.steps_per_s,
	     has_steps, false, cell__steps(cell, scene, r->steps))
RENDER_KNOWN(render_rate, is_counted(r, scene) && !scene->light.is_now,
	     r->steps / seconds_of(scene), b.steps_per_s, has_steps, false,
	     cell__rate(cell, r->steps_per_s))
RENDER_KNOWN(render_busy, is_counted(r, scene) && !scene->light.is_now,
	     r->total_ns / 1e9 / seconds_of(scene), b.busy, has_steps, true,
	     cell__share(cell, r->busy))
RENDER_KNOWN(render_p50, has_percentile(r, scene, 50), r->p50_ns, b.p50_ns, has_steps, true,
	     cell__percentile(cell, scene, r->p50_ns))
RENDER_KNOWN(render_p95, has_percentile(r, scene, 95), r->p95_ns, b.p95_ns, has_steps, true,
	     cell__percentile(cell, scene, r->p95_ns))
RENDER_KNOWN(render_p99, has_percentile(r, scene, 99), r->p99_ns, b.p99_ns, has_steps, true,
	     cell__percentile(cell, scene, r->p99_ns))
RENDER_KNOWN(render_max, true, r->max_ns, b.max_ns, has_steps, true, render_longest(r, cell))
RENDER_KNOWN(render_suffered, r->has_percentiles, r->suffered_ns / seconds_of(scene),
	     b.suffered_per_s, has_stalls, true, cell__duration(cell, r->suffered_ns))

/* Is it stuck? */
static bool is_first(const void *row, const struct table_scene *scene)
{
	const struct group_row *r = row;

	return r->open && scene->now_ns > r->open_since_ns &&
		alarm__is_due(scene->now_ns - r->open_since_ns, scene->threshold_ns);
}

static void render_stalls(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct group_row *r = row;

	struct since_base b;

	if (!is_first(row, scene)) {
		if (has_base(scene, r, &b))
			cell__change(cell, (double)r->stalls / seconds_of(scene), b.stalls_per_s,
				     has_stalls(r, &b), true);
		else
			cell__stalls(cell, r->stalls);
		return;
	}
	cell__printf(cell, "%u now", r->open);
	cell->attr = ATTR_ALARM;
}

static void render_trend(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct group_row *r = row;

	if (r->trend && !scene->light.is_now)
		cell__trend(cell, scene, r->trend,
			    r->n_trend < MODEL_TREND ? r->n_trend : MODEL_TREND);
}

static void render_split(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct group_row *r = row;

	(void)scene;
	cell__split(cell, r->cpu_ns, r->blocked_ns, r->gil_ns, r->runqueue_ns);
	/* What does no harm draws no eye. */
	cell->attr = r->stalls || r->open ? ATTR_NORMAL : ATTR_FAINT;
}

static void render_starved(const void *row, const struct table_scene *scene,
			   struct table_cell *cell)
{
	const struct group_row *r = row;
	struct since_base b;

	if (has_base(scene, r, &b)) {
		cell__change(cell, (double)r->starved_ns / seconds_of(scene), b.starved_per_s,
			     has_stalls(r, &b), true);
		return;
	}
	cell__duration(cell, r->starved_ns);
	/* What the default order is about. */
	cell->attr = r->starved_ns > 0 ? ATTR_BOLD : ATTR_DIM;
}

static void render_where(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct group_row *r = row;

	(void)scene;
	if (r->where.file) {
		cell__place(cell, r->where.file, r->where.line);
		cell__printf(cell, " %s", vocabulary_cause(r->where_cause));
	} else {
		cell__place(cell, r->file, r->line);
		cell->attr = ATTR_DIM;
	}
}

static int compare_name(const void *a, const void *b)
{
	const struct group_row *x = a, *y = b;

	return strcmp(x->name, y->name);
}

TABLE_COMPARE(compare_steps, struct group_row, steps)
TABLE_COMPARE(compare_rate, struct group_row, steps_per_s)
TABLE_COMPARE(compare_busy, struct group_row, busy)
TABLE_COMPARE(compare_p50, struct group_row, p50_ns)
TABLE_COMPARE(compare_p95, struct group_row, p95_ns)
TABLE_COMPARE(compare_p99, struct group_row, p99_ns)
TABLE_COMPARE(compare_max, struct group_row, max_ns)
TABLE_COMPARE(compare_stalls, struct group_row, stalls)
TABLE_COMPARE(compare_starved, struct group_row, starved_ns)
TABLE_COMPARE(compare_suffered, struct group_row, suffered_ns)

static const struct table_column columns[] = {
	{ "name", "COROUTINE", 'C', 0, 16, 48, TABLE_NAME, true, render_name, compare_name },
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

static uint64_t row_id(const void *row)
{
	const struct group_row *r = row;

	/* Rows of coroutines keep the identity that they have without groups. */
	return table__id(r->name, r->file,
			 r->has_percentiles ?
				 r->line :
				 r->line ^ ((uint64_t)r->unit + 1) << 32 ^ (uint64_t)r->pid << 40);
}

/* One of its stalls had it, not only the worst. */
static bool has_cause(uint32_t causes, const char *word)
{
	for (enum ls_cause cause = 0; cause < LS_CAUSE_MAX; cause++)
		if ((causes & 1u << cause) && !strcmp(vocabulary_cause(cause), word))
			return true;
	return false;
}

static int row_term(const void *row, const char *word, const char *value)
{
	const struct group_row *r = row;

	if (!strcmp(word, "cause"))
		return has_cause(r->causes, value);
	if (!strcmp(word, "pid"))
		return r->pid == strtoul(value, NULL, 10);
	return -1;
}

/* One table for each key. */
#define _(key, word, heading, ...)                                                                 \
	static size_t n_rows_##key(const struct snapshot *snapshot)                                \
	{                                                                                          \
		return snapshot->groups[GROUP_##key].n;                                            \
	}                                                                                          \
                                                                                                   \
	static const void *row_at_##key(const struct snapshot *snapshot, size_t i)                 \
	{                                                                                          \
		return &snapshot->groups[GROUP_##key].rows[i];                                     \
	}                                                                                          \
                                                                                                   \
	static const struct table_ops table_##key = {                                              \
		.columns = columns,                                                                \
		.n_columns = N_OF(columns),                                                        \
		.first_title = heading,                                                            \
		.by = GROUP_##key == GROUP_AUTO ? NULL : word,                                     \
		.sort = "starved",                                                                 \
		.empty = "No step so far.",                                                        \
		.n_rows = n_rows_##key,                                                            \
		.row = row_at_##key,                                                               \
		.id = row_id,                                                                      \
		.is_first = is_first,                                                              \
		.term = row_term,                                                                  \
		.terms = "cause pid",                                                              \
	};
GROUP_KEYS(_)
#undef _

static const struct table_ops *const tables[GROUP_MAX] = {
#define _(key, ...) [GROUP_##key] = &table_##key,
	GROUP_KEYS(_)
#undef _
};

/* A coroutine or a callback is found again by its code, anything else by the line of its worst. */
static void subject(const void *row, struct screen_subject *ret)
{
	const struct group_row *r = row;
	const bool is_code = r->has_percentiles || (r->unit == LS_UNIT_CALLBACK && !r->is_entry);

	ret->pid = r->pid;
	ret->at = r->where;
	if (is_code || !r->where.file)
		ret->coroutine = (struct code_info){ r->name, r->file, r->line };
	if (!r->where.file)
		ret->at = (struct model_frame){ r->name, r->file, r->line };
	if (is_code)
		return;
	ret->group.is_some = true;
	ret->group.row = *r;
	snprintf(ret->group.name, sizeof(ret->group.name), "%s", r->name);
}

static bool input(void *state, struct table *t, const struct view_event *event,
		  enum view_request *ret_request)
{
	enum group_key key = GROUP_AUTO;

	(void)state;
	(void)ret_request;
	if (event->key != 'g')
		return false;
	while (key < GROUP_MAX && tables[key] != table__ops(t))
		key++;
	table__use(t, tables[(key + 1) % GROUP_MAX]);
	return true;
}

const struct screen_ops screen_coroutines = {
	.name = "coroutines",
	.title = "Coroutines",
	.key = '1',
	.is_in_tabs = true,
	.keys = "g Group  w Window  b Baseline",
	.table = &table_AUTO,
	.groups = tables,
	.subject = subject,
	.input = input,
};
