/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame around the screens: header, tabs, the current screen, the bottom line. Header and alarm
 * stay live in a pause; the screen keeps the snapshot it was paused on, and one can still move in
 * it.
 */
#include "view/view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "view/header.h"
#include "view/view_impl.h"

#define DEFAULT_SCREEN "coroutines"
#define STATE_BYTES 256

static const struct screen_ops *const screens[SCREEN_MAX] = {
#define _(name) [SCREEN_##name] = &screen_##name,
	SCREENS(_)
#undef _
};

const struct screen_ops *view__ops(int screen)
{
	return screens[screen];
}

int view__find_screen(const char *name)
{
	for (int i = 0; i < SCREEN_MAX; i++)
		if (!strcmp(screens[i]->name, name))
			return i;
	return -ENOENT;
}

struct table *view__table(const struct view *v)
{
	return v->slots[v->current].table;
}

static int make_slots(struct view *v)
{
	int r = 0;

	for (int i = 0; i < SCREEN_MAX && !r; i++) {
		if (screens[i]->table)
			r = table__new(&v->slots[i].table, screens[i]->table);
		if (!r && screens[i]->new)
			r = screens[i]->new (&v->slots[i].state);
	}
	return r;
}

static void apply_group(struct view *v, enum group_key group)
{
	for (int i = 0; i < SCREEN_MAX; i++)
		if (screens[i]->groups)
			table__use(v->slots[i].table, screens[i]->groups[group]);
}

static int apply_opts(struct view *v, const struct view_opts *opts)
{
	int err, screen = view__find_screen(opts->screen ? opts->screen : DEFAULT_SCREEN);
	struct table *t;

	if (screen < 0)
		return screen;
	view__show(v, screen);
	t = view__table(v);
	if (!t)
		return opts->sort || opts->columns || opts->filter ? -EINVAL : 0;
	err = opts->columns ? table__columns(t, opts->columns) : 0;
	/* The column it is sorted by already must not be inverted. */
	if (!err && opts->sort && strcmp(opts->sort, table__sorted_by(t)))
		err = table__sort(t, opts->sort);
	if (!err && opts->filter)
		err = table__filter(t, opts->filter);
	return err;
}

int view__new(struct view **ret_view, const struct view_opts *opts)
{
	struct view *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return -ENOMEM;
	v->tabs_row = v->bottom_row = -1;
	v->is_replay = opts->is_replay;
	v->n_formats = opts->n_formats;
	v->formats = opts->formats;
	r = make_slots(v);
	if (!r) {
		apply_group(v, opts->group);
		r = apply_opts(v, opts);
	}
	if (r) {
		view__free(v);
		return r;
	}
	v->back = v->current;
	*ret_view = v;
	return 0;
}

void view__free(struct view *v)
{
	if (!v)
		return;
	for (int i = 0; i < SCREEN_MAX; i++) {
		table__free(v->slots[i].table);
		if (screens[i]->free && v->slots[i].state)
			screens[i]->free(v->slots[i].state);
	}
	frozen__free(v->frozen);
	free(v);
}

void view__show(struct view *v, int screen)
{
	const struct screen_ops *ops = screens[screen];

	/* Not to the detail or the help: Escape would go round in circles. */
	if (v->current != screen && screens[v->current]->is_in_tabs)
		v->back = v->current;
	v->menu.kind = MENU_NONE;
	if (ops->enter)
		ops->enter(v->slots[screen].state, v->has_subject ? &v->subject : NULL);
	v->current = screen;
}

/* What stands at the right of the tabs: pause, filter, how many rows. */
static void state_text(const struct view *v, char text[STATE_BYTES])
{
	const struct table *t = view__table(v);
	size_t used = 0;

	text[0] = '\0';
	if (v->is_paused)
		used = (size_t)snprintf(text, STATE_BYTES, " PAUSED ");
	if (!t)
		return;
	if (table__filter_text(t)[0])
		used += (size_t)snprintf(text + used, STATE_BYTES - used, " filter: %s ",
					 table__filter_text(t));
	if (table__ops(t)->by)
		used += (size_t)snprintf(text + used, STATE_BYTES - used, " by %s ",
					 table__ops(t)->by);
	if (table__is_tree(t))
		used += (size_t)snprintf(text + used, STATE_BYTES - used, " %s ",
					 table__ops(t)->tree);
	if (table__tagged(t) > 0)
		used += (size_t)snprintf(text + used, STATE_BYTES - used, " %zu tagged ",
					 table__tagged(t));
	if (!table__is_following(t))
		used += (size_t)snprintf(text + used, STATE_BYTES - used, " not following ");
	if (table__shown(t) != table__total(t))
		snprintf(text + used, STATE_BYTES - used, " %zu of %zu", table__shown(t),
			 table__total(t));
	else
		snprintf(text + used, STATE_BYTES - used, " %zu", table__total(t));
}

static bool is_tab(const struct view *v, int screen)
{
	return screens[screen]->is_in_tabs || screen == v->current;
}

/* All screens, or the current one only where there is no room. */
static void draw_tabs(struct view *v, struct canvas *c, int row)
{
	int columns = canvas__columns(c), at = 1, needed = 1, i, room;
	char state[STATE_BYTES];
	bool is_roomy;

	state_text(v, state);
	room = columns - 1 - text_columns(state);
	for (i = 0; i < SCREEN_MAX; i++)
		needed += is_tab(v, i) ? text_columns(screens[i]->title) + 2 : 0;
	is_roomy = needed <= room;
	canvas__paint(c, row, 0, columns, ATTR_DIM);
	for (i = 0; i < SCREEN_MAX; i++) {
		v->tabs[i] = (struct view_tab){ 0, 0 };
		if (!is_tab(v, i) || (!is_roomy && i != v->current))
			continue;
		v->tabs[i] = (struct view_tab){ at, text_columns(screens[i]->title) + 2 };
		canvas__printf(c, row, at, room - at, i == v->current ? ATTR_TITLE : ATTR_DIM,
			       i == v->current ? "[%s]" : " %s ", screens[i]->title);
		at += v->tabs[i].width;
	}
	v->tabs_row = row;
	canvas__right(c, row, at, columns - 1 - at, v->is_paused ? ATTR_WARN : ATTR_NORMAL, state);
}

static void draw_screen(struct view *v, const struct screen_area *area)
{
	const struct screen_ops *ops = screens[v->current];
	const struct table_scene scene = { area->snapshot, area->status->now_ns,
					   canvas__is_utf8(area->canvas), area->status->started_ns,
					   area->status->threshold_ns };
	struct table *t = view__table(v);
	const int head = ops->head ? ops->head(area) : 0;
	const void *current;

	if (!t) {
		if (ops->draw)
			ops->draw(v->slots[v->current].state, area);
		return;
	}
	v->has_subject = false;
	memset(&v->subject, 0, sizeof(v->subject));
	if (table__draw(t, &scene, area->canvas, area->row + head, area->rows - head, &current) !=
	    0)
		v->message = "There is not enough memory to draw the table.";
	else if (table__search_missed(t))
		v->message = "The search found nothing.";
	if (current && ops->subject) {
		ops->subject(current, &v->subject);
		v->has_subject = true;
	}
}

/* Below this nothing is to be read, and little of it would be true. */
static void draw_too_small(struct view *v, struct canvas *c)
{
	v->tabs_row = v->bottom_row = -1;
	v->menu.n_drawn = 0;
	canvas__printf(c, 0, 0, canvas__columns(c), ATTR_WARN, "needs %dx%d, has %dx%d",
		       VIEW_MIN_COLUMNS, VIEW_MIN_ROWS, canvas__columns(c), canvas__rows(c));
}

/* The snapshot of a pause; if it cannot be kept, there is no pause. */
static const struct snapshot *pause_at(struct view *v, const struct snapshot *snapshot,
				       uint64_t now_ns)
{
	if (v->is_paused && !v->frozen) {
		if (frozen__new(&v->frozen, snapshot) != 0) {
			v->is_paused = false;
			v->message = "There is not enough memory to pause.";
			return snapshot;
		}
		v->frozen_ns = now_ns;
	}
	return v->is_paused ? frozen__snapshot(v->frozen) : snapshot;
}

void view__draw(struct view *v, const struct snapshot *snapshot, const struct view_status *status,
		struct canvas *c)
{
	struct view_status body = *status;
	struct screen_area area = { .status = &body, .canvas = c };
	int row;

	canvas__clear(c);
	if (canvas__rows(c) < VIEW_MIN_ROWS || canvas__columns(c) < VIEW_MIN_COLUMNS) {
		draw_too_small(v, c);
		return;
	}
	row = header__draw(snapshot, status, c);
	area.snapshot = pause_at(v, snapshot, status->now_ns);
	if (v->is_paused)
		body.now_ns = v->frozen_ns;
	area.row = row + 1;
	area.rows = canvas__rows(c) - area.row - 1;
	if (area.rows > 0)
		draw_screen(v, &area);
	if (v->menu.kind != MENU_NONE)
		menu__draw(v, c, area.row + 1, area.rows - 1);
	draw_tabs(v, c, row);
	bottom__draw(v, status, c);
}

const char *view__copied(const struct view *v)
{
	const struct screen_ops *ops = screens[v->current];

	if (view__table(v))
		return table__text(view__table(v));
	return ops->text ? ops->text(v->slots[v->current].state) : "";
}

size_t view__format(const struct view *v)
{
	return v->format;
}

int view__edit(const struct view *v, const char **ret_file, uint32_t *ret_line)
{
	if (!view__table(v) && v->current != view__find_screen(SCREEN_OF_SUBJECT))
		return -ENOENT;
	if (!v->has_subject || !v->subject.at.file)
		return -ENOENT;
	*ret_file = v->subject.at.file;
	*ret_line = v->subject.at.line;
	return 0;
}

/* Of a screen that stands in for another one: of that one, too. */
bool view__wants_tasks(const struct view *v)
{
	const struct screen_ops *ops = screens[v->current];

	if (ops->wants_tasks_now && ops->wants_tasks_now(v->slots[v->current].state))
		return true;
	return (ops->is_in_tabs ? ops : screens[v->back])->wants_tasks;
}

bool view__is_paused(const struct view *v)
{
	return v->is_paused;
}
