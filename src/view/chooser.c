/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table like those of the screens. Its rows come from no snapshot: an empty one leads to them.
 */
#include "view/chooser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "view/render.h"
#include "view/table_impl.h"

#define HEAD_ROWS 3
#define CONTROL(letter) ((letter)&0x1f)

struct chooser {
	struct table *table;
	/* What the table's functions get for the snapshot. */
	struct rows {
		struct snapshot nothing;
		struct choices choices;
	} rows;
	bool is_placed; /* the cursor is on a row, and stays there while others come */
	uint64_t clicked; /* the row, if the last event was a click on one */
};

RENDER_NUMBER(render_pid, struct choice, pid)
RENDER_FIELD(render_user, struct choice, cell__escape(cell, r->user))
RENDER_FIELD(render_version, struct choice, cell__escape(cell, r->version))
RENDER_FIELD(render_kinds, struct choice, cell__escape(cell, r->kinds))
RENDER_NUMBER(render_loops, struct choice, n_loops)

/* Without the folder of the program: its arguments tell more. */
static void render_command(const void *row, const struct table_scene *scene,
			   struct table_cell *cell)
{
	const char *command = ((const struct choice *)row)->command;
	const size_t end = strcspn(command, " ");
	size_t begin = end;

	(void)scene;
	while (begin > 0 && command[begin - 1] != '/')
		begin--;
	cell__escape(cell, command + begin);
}

static void render_tasks(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct choice *r = row;

	(void)scene;
	if (r->n_tasks >= 0)
		cell__count(cell, (uint64_t)r->n_tasks);
	else
		cell__printf(cell, "?");
}

static void render_busy(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct choice *r = row;

	(void)scene;
	if (!r->is_busy_known) {
		cell__printf(cell, "?");
		cell->attr = ATTR_DIM;
		return;
	}
	cell__printf(cell, "%.0f", r->busy * 100);
	cell->attr = r->busy >= 0.9 ? ATTR_BAD : r->busy >= 0.7 ? ATTR_WARN : ATTR_NORMAL;
}

static void render_stuck(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	const struct choice *r = row;

	(void)scene;
	if (!r->stuck_ns)
		return;
	cell__duration(cell, r->stuck_ns);
	if (r->stuck_in)
		cell__printf(cell, " %s", r->stuck_in);
	cell->attr = ATTR_ALARM;
}

#define COMPARE_TEXT(function, field)                                                              \
	static int function(const void *a, const void *b)                                          \
	{                                                                                          \
		return strcmp(((const struct choice *)a)->field,                                   \
			      ((const struct choice *)b)->field);                                  \
	}

TABLE_COMPARE(compare_pid, struct choice, pid)
COMPARE_TEXT(compare_user, user)
COMPARE_TEXT(compare_version, version)
COMPARE_TEXT(compare_kinds, kinds)
TABLE_COMPARE(compare_loops, struct choice, n_loops)
TABLE_COMPARE(compare_tasks, struct choice, n_tasks)
TABLE_COMPARE(compare_busy, struct choice, busy)
TABLE_COMPARE(compare_stuck, struct choice, stuck_ns)
COMPARE_TEXT(compare_command, command)

static const struct table_column columns[] = {
	{ "pid", "PID", 'P', 0, 7, 7, TABLE_RIGHT, true, render_pid, compare_pid },
	{ "user", "USER", 'U', 4, 8, 8, TABLE_LEFT, true, render_user, compare_user },
	{ "python", "PYTHON", 'V', 6, 7, 7, TABLE_LEFT, true, render_version, compare_version },
	{ "loop", "LOOP", 'L', 3, 7, 7, TABLE_LEFT, true, render_kinds, compare_kinds },
	{ "loops", "LOOPS", 'N', 7, 5, 5, TABLE_RIGHT, false, render_loops, compare_loops },
	{ "tasks", "TASKS", 'T', 5, 6, 6, TABLE_RIGHT, false, render_tasks, compare_tasks },
	{ "busy", "BUSY%", 'B', 1, 5, 5, TABLE_RIGHT, false, render_busy, compare_busy },
	{ "stuck", "STUCK", 'S', 2, 16, 16, TABLE_LEFT, false, render_stuck, compare_stuck },
	{ "command", "COMMAND", 'C', 0, 24, 400, TABLE_LEFT, true, render_command,
	  compare_command },
};

static const struct choices *choices_of(const struct snapshot *snapshot)
{
	return &((const struct rows *)(const void *)snapshot)->choices;
}

static size_t n_rows(const struct snapshot *snapshot)
{
	return choices_of(snapshot)->n;
}

static const void *row_at(const struct snapshot *snapshot, size_t i)
{
	return &choices_of(snapshot)->list[i];
}

static uint64_t row_id(const void *row)
{
	return (uint64_t)((const struct choice *)row)->pid;
}

static bool is_stuck(const void *row, const struct table_scene *scene)
{
	(void)scene;
	return ((const struct choice *)row)->stuck_ns > 0;
}

static const struct table_ops ops = {
	.columns = columns,
	.n_columns = N_OF(columns),
	.sort = "pid",
	.empty = "No event loop so far. One that starts is shown.",
	.n_rows = n_rows,
	.row = row_at,
	.id = row_id,
	.is_first = is_stuck,
};

int chooser__new(struct chooser **ret_chooser)
{
	struct chooser *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	r = table__new(&c->table, &ops);
	if (r) {
		free(c);
		return r;
	}
	*ret_chooser = c;
	return 0;
}

void chooser__free(struct chooser *c)
{
	if (!c)
		return;
	table__free(c->table);
	free(c);
}

static void draw_head(const struct choices *choices, struct canvas *canvas)
{
	const int width = canvas__columns(canvas);
	char state[64];

	snprintf(state, sizeof(state), "%zu found", choices->n);
	if (choices->n_left)
		snprintf(state + strlen(state), sizeof(state) - strlen(state), ", %zu to go",
			 choices->n_left);
	canvas__text(canvas, 0, 1, width, ATTR_BOLD, "loopstall");
	canvas__text(canvas, 0, 12, width, ATTR_TITLE, "event loops of this machine");
	canvas__right(canvas, 0, 40, width - 41, ATTR_DIM, state);
	canvas__text(canvas, 1, 1, width - 1, ATTR_DIM,
		     "BUSY%: how often it was not in its poll, of 32 looks.");
	canvas__text(canvas, 2, 1, width - 1, ATTR_DIM,
		     "STUCK: how long it is in one call that is not its poll.");
}

static void draw_keys(struct canvas *canvas)
{
	static const struct {
		const char *key, *does;
	} keys[] = {
		{ "Enter", "Measure" }, { "Space", "Tag" }, { "< >", "Sort" },
		{ "arrows", "Move" },	{ "q", "Quit" },
	};
	const int row = canvas__rows(canvas) - 1, width = canvas__columns(canvas);
	int at = 1;

	for (size_t i = 0; i < N_OF(keys); i++) {
		at += canvas__text(canvas, row, at, width - at, ATTR_KEY, keys[i].key) + 1;
		at += canvas__text(canvas, row, at, width - at, ATTR_NORMAL, keys[i].does) + 2;
	}
}

int chooser__draw(struct chooser *c, const struct choices *choices, struct canvas *canvas)
{
	const int rows = canvas__rows(canvas) - HEAD_ROWS - 2;
	struct table_scene scene = { .snapshot = &c->rows.nothing,
				     .is_utf8 = canvas__is_utf8(canvas) };
	const void *current;
	int r;

	canvas__clear(canvas);
	c->rows.choices = *choices;
	r = table__draw(c->table, &scene, canvas, HEAD_ROWS, rows > 0 ? rows : 0, &current);
	draw_head(choices, canvas);
	draw_keys(canvas);
	if (!c->is_placed && choices->n)
		table__move(c->table, 0);
	c->is_placed = choices->n > 0;
	return r;
}

static enum chooser_request click(struct chooser *c, const struct view_event *event,
				  uint64_t before)
{
	const enum table_hit hit = table__click(c->table, event->row, event->column);

	if (hit == TABLE_HIT_ROW && before && table__current(c->table) == before)
		return CHOOSER_CHOSEN;
	if (hit == TABLE_HIT_ROW)
		c->clicked = table__current(c->table);
	return hit == TABLE_MISSED ? CHOOSER_NOTHING : CHOOSER_REDRAW;
}

static const struct {
	uint32_t key;
	int rows, pages, columns;
} moves[] = {
	{ VKEY_UP, -1, 0, 0 },	     { 'k', -1, 0, 0 },
	{ VKEY_DOWN, 1, 0, 0 },	     { 'j', 1, 0, 0 },
	{ VKEY_PAGE_UP, 0, -1, 0 },  { VKEY_PAGE_DOWN, 0, 1, 0 },
	{ VKEY_WHEEL_UP, -1, 0, 0 }, { VKEY_WHEEL_DOWN, 1, 0, 0 },
	{ '<', 0, 0, -1 },	     { '>', 0, 0, 1 },
};

static bool move(struct table *t, uint32_t key)
{
	for (size_t i = 0; i < N_OF(moves); i++) {
		if (moves[i].key != key)
			continue;
		if (moves[i].rows)
			table__move(t, moves[i].rows);
		if (moves[i].pages)
			table__page(t, moves[i].pages, 1);
		if (moves[i].columns)
			table__sort_next(t, moves[i].columns);
		return true;
	}
	return key < 0x80 && table__sort_key(t, (char)key) == 0;
}

enum chooser_request chooser__input(struct chooser *c, const struct view_event *event)
{
	const uint64_t clicked = c->clicked;

	if (event->is_pasted)
		return CHOOSER_NOTHING;
	c->clicked = 0;
	switch (event->key) {
	case 'q':
	case VKEY_ESCAPE:
	case VKEY_BACKSPACE:
	case CONTROL('C'):
	case VKEY_F1 + 9:
		return CHOOSER_QUIT;
	case CONTROL('Z'):
		return CHOOSER_SUSPEND;
	case KEY_NONE: /* another size, other colours */
		return CHOOSER_REDRAW;
	case VKEY_ENTER:
		return table__shown(c->table) ? CHOOSER_CHOSEN : CHOOSER_NOTHING;
	case ' ':
		table__tag(c->table);
		table__move(c->table, 1);
		return CHOOSER_REDRAW;
	case VKEY_MOUSE:
		return click(c, event, clicked);
	default:
		return move(c->table, event->key) ? CHOOSER_REDRAW : CHOOSER_NOTHING;
	}
}

size_t chooser__chosen(const struct chooser *c, const struct choices *choices, pid_t *pids,
		       size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < choices->n && n < max; i++)
		if (table__is_tagged(c->table, row_id(&choices->list[i])))
			pids[n++] = choices->list[i].pid;
	if (!n && max && table__current(c->table))
		pids[n++] = (pid_t)table__current(c->table);
	return n;
}
