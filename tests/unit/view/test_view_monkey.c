/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random keys, clicks and sizes on a snapshot that never stays the same: what is drawn is always a
 * screen, and the cursor is where one left it. The sanitizers watch. The sequence is the same every
 * time.
 */
#include "base/utf8.h"
#include "view/stage.h"
#include "view/table_impl.h"
#include "view/view_impl.h"
#include "../deadline.h"

#define EVENTS 20000
#define ROWS 300
#define NAMES 400

struct jungle {
	struct view_fixture *fixture;
	struct view *view;
	struct canvas *canvas;
	struct coroutine_row rows[ROWS];
	struct stall stalls[ROWS];
	const struct stall *stall_list[ROWS];
	struct task_row tasks[ROWS];
	char names[NAMES][24];
	uint64_t seed;
};

static uint32_t jungle__random(struct jungle *j, uint32_t below)
{
	/* xorshift64 */
	j->seed ^= j->seed << 13;
	j->seed ^= j->seed >> 7;
	j->seed ^= j->seed << 17;
	return (uint32_t)(j->seed >> 32) % below;
}

static void jungle__grow(struct jungle *j)
{
	struct snapshot *s = &j->fixture->snapshot;
	size_t i;

	for (i = 0; i < ROWS; i++) {
		const char *name = j->names[jungle__random(j, NAMES)];

		if (!j->rows[i].coroutine.name || jungle__random(j, 3) == 0)
			j->rows[i] = (struct coroutine_row){
				.coroutine = { name, "/srv/app/a.py", (uint32_t)i },
				.starved_ns = jungle__random(j, 1000),
				.stalls = jungle__random(j, 9),
				.busy = jungle__random(j, 100) / 100.0,
				.cpu_ns = jungle__random(j, 1000),
				.where = { name, jungle__random(j, 2) ? "/srv/b.py" : NULL, 3 },
			};
		j->stalls[i] = j->fixture->stalls[jungle__random(j, VIEW_STALLS)];
		j->stalls[i].start_ns -= i;
		j->stall_list[i] = &j->stalls[i];
		j->tasks[i] = (struct task_row){
			.pid = 1,
			.task = 64 * i,
			.name = name,
			.coroutine = { name, "a.py", 1 },
			.waits_for = "Future",
			.awaited_by = jungle__random(j, 2) ? jungle__random(j, ROWS + 5) : SIZE_MAX,
		};
	}
	s->rows = j->rows;
	s->n_rows = jungle__random(j, 20) ? ROWS - jungle__random(j, 50) : 0;
	s->stall_list = j->stall_list;
	s->n_stalls = jungle__random(j, 20) ? ROWS - jungle__random(j, 50) : 0;
	s->tasks = j->tasks;
	s->n_tasks = jungle__random(j, 20) ? ROWS - jungle__random(j, 50) : 0;
	s->n_live = jungle__random(j, 2);
	fixture_sum(s);
	j->fixture->status.now_ns += VIEW_S;
}

static void jungle__init(struct jungle *j)
{
	static const char *const pieces[] = { "fetch",	 "\u7f51\u7edc", "e\u0301",
					      "\x1b[2J", "\xff\xc3",	 "x y" };
	size_t i;

	j->seed = 0x9e3779b97f4a7c15ULL;
	j->fixture = malloc(sizeof(*j->fixture));
	cr_assert_not_null(j->fixture);
	fixture_init(j->fixture, true);
	for (i = 0; i < NAMES; i++)
		snprintf(j->names[i], sizeof(j->names[i]), "%s%zu", pieces[jungle__random(j, 6)],
			 i);
	cr_assert_eq(canvas__new(&j->canvas, 24, 80, true), 0);
	cr_assert_eq(view__new(&j->view, &(struct view_opts){ 0 }), 0);
	jungle__grow(j);
}

static void jungle__done(struct jungle *j)
{
	view__free(j->view);
	canvas__free(j->canvas);
	free(j->fixture);
	free(j);
}

static struct view_event jungle__event(struct jungle *j)
{
	static const char letters[] = "jkhlgGnN/\\<>ItcUFp r+-[]Sye?123456789wmF (a[b*.|)";
	struct view_event event = {
		.key = (unsigned char)letters[jungle__random(j, sizeof(letters) - 1)]
	};

	switch (jungle__random(j, 4)) {
	case 0:
		event.key = VKEY_UP + jungle__random(j, VKEY_F1 + 12 - VKEY_UP);
		event.row = (int)jungle__random(j, 60) - 2;
		event.column = (int)jungle__random(j, 220) - 2;
		break;
	case 1:
		event.key =
			jungle__random(j, 8) ? jungle__random(j, 128) : jungle__random(j, 0x10ffff);
		break;
	default:
		break;
	}
	return event;
}

/* One character of width 1 or 2 in each cell, nothing that moves the cursor of a terminal. */
static void expect_cells(const struct canvas *c, size_t event)
{
	int row, column, width;
	enum canvas_attr attr;
	const char *cell;
	uint32_t ch;

	for (row = 0; row < canvas__rows(c); row++) {
		for (column = 0; column < canvas__columns(c); column += width) {
			cell = canvas__cell(c, row, column, &attr);
			width = text_columns(cell);
			cr_assert_lt(attr, ATTR_MAX);
			cr_assert(width == 1 || width == 2, "event %zu: cell %d, %d is %d wide",
				  event, row, column, width);
			cr_assert_gt(utf8__decode(cell, strlen(cell), &ch), 0);
			cr_assert(ch >= 0x20 && ch != 0x7f && (ch < 0x80 || ch >= 0xa0));
			cr_assert(width == 1 || !canvas__cell(c, row, column + 1, &attr)[0],
				  "event %zu: half of a wide character at %d, %d", event, row,
				  column);
		}
	}
}

static void expect_cursor(const struct jungle *j, size_t event)
{
	const struct table *t = view__table(j->view);

	if (!t || t->n_lines == 0 || canvas__rows(j->canvas) < VIEW_MIN_ROWS)
		return;
	cr_assert_lt(t->cursor, t->n_lines, "event %zu", event);
	if (t->n_drawn > 0)
		cr_assert(t->cursor >= t->top && t->cursor < t->top + (size_t)t->n_drawn,
			  "event %zu: row %zu is not among %zu + %d", event, t->cursor, t->top,
			  t->n_drawn);
}

/* A new snapshot does not move the cursor off its row. */
static void expect_row_stays(struct jungle *j, size_t event)
{
	const struct table *t = view__table(j->view);
	bool is_placed = t && t->is_placed && t->is_following && t->seek == 0;
	uint64_t id = is_placed ? t->cursor_id : 0, now;
	size_t i;

	view__draw(j->view, &j->fixture->snapshot, &j->fixture->status, j->canvas);
	now = is_placed ? table__current(t) : 0;
	for (i = 0; is_placed && t->n_drawn > 0 && i < t->n_lines; i++)
		if (t->lines[i].id == id)
			cr_assert_eq(now, id, "event %zu: the cursor left its row", event);
	if (is_placed)
		cr_assert_eq(t->cursor_id, id, "event %zu: the cursor forgot its row", event);
}

static void resize(struct jungle *j)
{
	static const int sizes[][2] = { { 16, 60 },  { 24, 80 }, { 40, 120 },
					{ 50, 200 }, { 1, 1 },	 { 17, 61 } };
	const int *size = sizes[jungle__random(j, 6)];

	cr_assert_eq(canvas__resize(j->canvas, size[0], size[1]), 0);
}

TEST_WITHIN(300, view_monkey, nothing_breaks_it)
{
	struct jungle *j = calloc(1, sizeof(*j));
	struct view_event event;
	size_t i;

	cr_assert_not_null(j);
	jungle__init(j);
	for (i = 0; i < EVENTS; i++) {
		event = jungle__event(j);
		view__input(j->view, &event);
		/* More than one key may come before the next drawing. */
		if (jungle__random(j, 3))
			continue;
		if (jungle__random(j, 40) == 0)
			resize(j);
		view__draw(j->view, &j->fixture->snapshot, &j->fixture->status, j->canvas);
		expect_cells(j->canvas, i);
		expect_cursor(j, i);
		if (jungle__random(j, 4) == 0) {
			jungle__grow(j);
			expect_row_stays(j, i);
			expect_cursor(j, i);
		}
	}
	jungle__done(j);
}
