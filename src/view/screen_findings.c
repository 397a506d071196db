/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What to fix first: above the table the sentence that sums it up, then one row for each finding.
 * Enter shows the evidence: the worst stall, its line, its stack.
 */
#include <string.h>

#include "base/array.h"
#include "base/escape.h"
#include "model/findings.h"
#include "view/cause.h"
#include "view/page.h"
#include "view/render.h"
#include "view/screens.h"

#define HEAD_BYTES (2 * FINDINGS_HEADLINE_BYTES)
#define ADVICE_COLUMNS 200

/* All lints, because the columns know no options: one that is off keeps its row. */
static bool describe(const void *row, const struct table_scene *scene, struct finding *f)
{
	return finding__describe(f, scene->snapshot, row, 0);
}

static void render_what(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	struct finding f;

	if (describe(row, scene, &f))
		cell__escape(cell, f.what);
}

static void render_waiting(const void *row, const struct table_scene *scene,
			   struct table_cell *cell)
{
	struct finding f;

	if (!describe(row, scene, &f) || f.starved_share < 0 || f.row->loop_rule) {
		cell__printf(cell, "-");
		cell->attr = ATTR_DIM;
		return;
	}
	cell__printf(cell, "%d%%", (int)(f.starved_share * 100));
	cell->attr = f.starved_share >= 0.1 ? ATTR_BOLD : ATTR_DIM;
}

static void render_loop(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	struct finding f;

	if (describe(row, scene, &f) && f.loop_share >= 0)
		cell__share(cell, f.loop_share);
	else
		cell__printf(cell, "-");
}

static void render_sure(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	struct finding f;

	if (describe(row, scene, &f))
		cell__printf(cell, "%s", finding_sureness_word(f.sureness));
}

static void render_advice(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	struct finding f;

	if (describe(row, scene, &f))
		cell__printf(cell, "%s", f.advice);
	cell->attr = ATTR_DIM;
}

static void render_where(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct finding_row *r = row;

	(void)scene;
	if (r->at.file)
		cell__place(cell, r->at.file, r->at.line);
	else if (*r->holder)
		cell__escape(cell, r->holder);
	else
		cell__printf(cell, "-");
}

static void render_stalls(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct finding_row *r = row;

	(void)scene;
	if (!r->open) {
		cell__stalls(cell, r->stalls);
		return;
	}
	cell__printf(cell, "%u now", r->open);
	cell->attr = ATTR_ALARM;
}

RENDER_DURATION(render_starved, struct finding_row, starved_ns)
RENDER_DURATION(render_time, struct finding_row, time_ns)
RENDER_STEP(render_max, struct finding_row, max_ns)
RENDER_AGO(render_first, struct finding_row, first_ns)
RENDER_AGO(render_last, struct finding_row, last_ns)

/* The rank: most starved first, then most time. */
static int compare_waiting(const void *a, const void *b)
{
	const struct finding_row *x = a, *y = b;

	if (x->starved_ns != y->starved_ns)
		return x->starved_ns < y->starved_ns ? -1 : 1;
	return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

TABLE_COMPARE(compare_stalls, struct finding_row, stalls)
TABLE_COMPARE(compare_time, struct finding_row, time_ns)
TABLE_COMPARE(compare_max, struct finding_row, max_ns)
TABLE_COMPARE(compare_first, struct finding_row, first_ns)
TABLE_COMPARE(compare_last, struct finding_row, last_ns)

static const struct table_column columns[] = {
	{ "what", "WHAT TO FIX", 0, 0, 24, 72, TABLE_LEFT, true, render_what, NULL },
	{ "waiting", "WAIT%", 'V', 0, 5, 5, TABLE_RIGHT, false, render_waiting, compare_waiting },
	{ "starved", "STARVED", 0, 3, 7, 7, TABLE_RIGHT, false, render_starved, NULL },
	{ "stalls", "STALLS", 'X', 2, 6, 6, TABLE_RIGHT, false, render_stalls, compare_stalls },
	{ "time", "TOOK", 'O', 4, 6, 6, TABLE_RIGHT, false, render_time, compare_time },
	{ "max", "MAX", 'M', 3, 6, 6, TABLE_RIGHT, false, render_max, compare_max },
	{ "loop", "LOOP%", 0, 6, 5, 5, TABLE_RIGHT, false, render_loop, NULL },
	{ "where", "WHERE", 0, 1, 14, 30, TABLE_LEFT, true, render_where, NULL },
	{ "sure", "SURE", 0, 5, 6, 6, TABLE_LEFT, true, render_sure, NULL },
	{ "first", "FIRST", 'A', 8, 6, 6, TABLE_RIGHT, false, render_first, compare_first },
	{ "last", "AGO", 'Q', 7, 6, 6, TABLE_RIGHT, false, render_last, compare_last },
	{ "advice", "WHAT HELPS", 0, 9, 24, ADVICE_COLUMNS, TABLE_LEFT, true, render_advice, NULL },
};

static size_t n_rows(const struct snapshot *snapshot)
{
	return snapshot->n_findings;
}

static const void *row_at(const struct snapshot *snapshot, size_t i)
{
	return &snapshot->findings[i];
}

static uint64_t row_id(const void *row)
{
	const struct finding_row *r = row;
	const uint64_t kind = (uint64_t)r->cause << 8 | r->loop_rule;

	return table__id(r->at.function ? r->at.function : r->holder, r->at.file,
			 (uint64_t)(r->unit == LS_UNIT_TURN) << 48 | kind << 32 | r->at.line);
}

static int term(const void *row, const char *word, const char *value)
{
	return cause_term(((const struct finding_row *)row)->cause, word, value);
}

static const struct table_ops table = {
	.columns = columns,
	.n_columns = N_OF(columns),
	.sort = "waiting",
	.empty = "Nothing to fix so far.",
	.n_rows = n_rows,
	.row = row_at,
	.id = row_id,
	.term = term,
	.terms = "cause",
};

static void subject(const void *row, struct screen_subject *ret)
{
	static const struct snapshot none;
	const struct finding_row *r = row;
	struct finding f;

	if (finding__describe(&f, &none, r, 0))
		ret->verdict =
			(struct lint_verdict){ lint__by_name(f.lint), f.lint, f.verdict, f.advice };
	ret->at = r->at;
	ret->pid = r->worst_pid;
	ret->stall_ns = r->worst_start_ns;
}

/* The sentence in at most three lines; of a service that is well, its worst turn. */
static int head(const struct screen_area *area)
{
	char raw[FINDINGS_HEADLINE_BYTES], text[HEAD_BYTES], turn[WORDS_BYTES];
	const struct snapshot *s = area->snapshot;
	struct page page = { 0 };

	findings_headline(s, area->status->lints_off, raw);
	if (findings_is_calm(s))
		snprintf(raw, sizeof(raw),
			 "Nothing stalled: no turn of the loop took longer than %s",
			 words__duration(s->turn_max_ns, turn));
	if (!*raw)
		return 0;
	text__escape(raw, text, sizeof(text));
	page__begin(&page, area->canvas, area->row, area->rows > 6 ? 3 : 1);
	page__wrap(&page, 1, findings_is_calm(s) ? ATTR_GOOD : ATTR_WARN, "%s.", text);
	return page.lines < 3 ? page.lines : 3;
}

const struct screen_ops screen_findings = {
	.name = "findings",
	.title = "Fix",
	.key = '0',
	.is_in_tabs = true,
	.table = &table,
	.head = head,
	.subject = subject,
};
