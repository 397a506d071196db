/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame around the screens: header, tabs, the current screen, the bottom line. Header and alarm
 * stay live in a pause; the screen keeps the snapshot it was paused on, and one can still move in
 * it.
 */
#include "view/view.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "view/header.h"
#include "view/render.h"
#include "view/view_impl.h"

#define DEFAULT_SCREEN "coroutines"
#define STATE_BYTES 256
#define ROOMY_COLUMNS 100 /* from here on tabs are worth more than the text of a filter */

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
	v->theme = opts->theme;
	r = since__new(&v->since);
	if (!r)
		r = preview__new(&v->preview);
	if (!r)
		r = fold__new(&v->fold);
	if (!r)
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
	since__free(v->since);
	preview__free(v->preview);
	fold__free(v->fold);
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

/* Its name may go before the view does. */
static void take_group(struct view *v)
{
	v->only = v->subject.group;
	v->only.row.name = v->only.name;
}

void view__show_group(struct view *v)
{
	take_group(v);
	v->only_from = v->current;
	table__first(v->slots[SCREEN_stalls].table);
	view__show(v, SCREEN_stalls);
}

bool view__is_listing_group(const struct view *v)
{
	return v->only.is_some && v->current == SCREEN_stalls;
}

bool view__leave_group(struct view *v)
{
	if (!view__is_listing_group(v))
		return false;
	view__show(v, v->only_from);
	v->only.is_some = false;
	return true;
}

/* What stands at the right of the tabs. */
struct state {
	char text[STATE_BYTES];
	size_t used;
};

/* How much of the filter: all, that there is one, or only how many rows pass it. */
enum brevity { WHOLE, WITHOUT_PATTERN, NUMBERS_ONLY };

static void __attribute__((format(printf, 2, 3))) state__add(struct state *s, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(s->text + s->used, sizeof(s->text) - s->used, fmt, args);
	va_end(args);
	s->used += strlen(s->text + s->used);
}

static void add_filter(const struct view *v, struct state *s, enum brevity brevity)
{
	const char *filter = table__filter_text(view__table(v));
	char name[STATE_BYTES / 2];

	if (view__is_listing_group(v)) {
		text__escape(v->only.name, name, sizeof(name));
		state__add(s, " of %s ", name);
	}
	if (*filter && brevity == WHOLE)
		state__add(s, " filter: %s ", filter);
	else if (*filter && brevity == WITHOUT_PATTERN)
		state__add(s, " filtered ");
}

/* How the rows are made and ordered. */
static void add_order(const struct view *v, struct state *s, uint64_t now_ns)
{
	const struct table *t = view__table(v);
	char since[SINCE_TEXT_BYTES];

	since__text(v->since, now_ns, since);
	if (since[0] && screens[v->current]->groups)
		state__add(s, " %s ", since);
	if (table__ops(t)->by)
		state__add(s, " by %s ", table__ops(t)->by);
	if (table__is_tree(t))
		state__add(s, " %s ", table__ops(t)->tree);
	if (table__tagged(t) > 0)
		state__add(s, " %zu tagged ", table__tagged(t));
	if (!table__is_following(t))
		state__add(s, " not following ");
}

static void add_numbers(const struct table *t, struct state *s)
{
	const size_t keeps = table__ops(t)->keeps;

	if (table__shown(t) != table__total(t))
		state__add(s, " %zu of", table__shown(t));
	if (keeps && table__total(t) >= keeps)
		state__add(s, " the last");
	state__add(s, " %zu", table__total(t));
}

static void state__fill(struct state *s, const struct view *v, uint64_t now_ns,
			enum brevity brevity)
{
	const struct table *t = view__table(v);

	*s = (struct state){ .used = 0 };
	if (v->is_paused)
		state__add(s, " PAUSED ");
	if (!t)
		return;
	add_filter(v, s, brevity);
	add_order(v, s, now_ns);
	add_numbers(t, s);
}

static bool is_tab(const struct view *v, int screen)
{
	return screens[screen]->is_in_tabs || screen == v->current;
}

static int tabs_width(const struct view *v)
{
	int width = 1;

	for (int i = 0; i < SCREEN_MAX; i++)
		width += is_tab(v, i) ? text_columns(screens[i]->title) + 2 : 0;
	return width;
}

/*
 * As much as there is room for beside all tabs; else, and where tabs would leave no room for a
 * filter, all of it beside the current one.
 */
static bool choose_state(const struct view *v, uint64_t now_ns, int columns, struct state *ret)
{
	const int room = columns - 1 - tabs_width(v);
	const enum brevity most = columns < ROOMY_COLUMNS ? WHOLE : NUMBERS_ONLY;

	for (enum brevity brevity = WHOLE; brevity <= most; brevity++) {
		state__fill(ret, v, now_ns, brevity);
		if (text_columns(ret->text) <= room)
			return true;
	}
	state__fill(ret, v, now_ns, WHOLE);
	return false;
}

/* All screens, or the current one only where there is no room. */
static void draw_tabs(struct view *v, uint64_t now_ns, struct canvas *c, int row)
{
	const struct table *t = view__table(v);
	const bool is_part = t && table__shown(t) != table__total(t);
	int columns = canvas__columns(c), at = 1, room;
	struct state state;
	const bool is_roomy = choose_state(v, now_ns, columns, &state);

	room = columns - 1 - text_columns(state.text);
	canvas__paint(c, row, 0, columns, ATTR_DIM);
	for (int i = 0; i < SCREEN_MAX; i++) {
		v->tabs[i] = (struct view_tab){ 0, 0 };
		if (!is_tab(v, i) || (!is_roomy && i != v->current))
			continue;
		v->tabs[i] = (struct view_tab){ at, text_columns(screens[i]->title) + 2 };
		canvas__printf(c, row, at, room - at, i == v->current ? ATTR_TITLE : ATTR_DIM,
			       i == v->current ? "[%s]" : " %s ", screens[i]->title);
		at += v->tabs[i].width;
	}
	v->tabs_row = row;
	canvas__right(c, row, at, columns - 1 - at,
		      v->is_paused || is_part ? ATTR_WARN : ATTR_NORMAL, state.text);
}

/* What the rows of a table are grouped by. */
static enum group_key group_of(const struct screen_ops *ops, const struct table *t)
{
	for (enum group_key key = 0; ops->groups && key < GROUP_MAX; key++)
		if (ops->groups[key] == table__ops(t))
			return key;
	return GROUP_AUTO;
}

/* Of all rows, so that one can be compared with another. */
static double find_trend_most(const struct snapshot *snapshot, enum group_key key)
{
	double most = trend_most(NULL, 0);

	for (size_t i = 0; i < snapshot->groups[key].n; i++) {
		const struct group_row *r = &snapshot->groups[key].rows[i];
		const size_t n = r->n_trend < MODEL_TREND ? r->n_trend : MODEL_TREND;

		most = fmax(most, r->trend ? trend_most(r->trend, n) : 0);
	}
	return most;
}

/* The rows of the window, or since the baseline. Windows go on while another screen is shown. */
static void count_since(struct view *v, const struct screen_area *area, struct table_scene *scene,
			struct snapshot *counted)
{
	const struct view_status *status = area->status;

	if (v->is_recount)
		since__forget(v->since, v->is_replay ? 0 : status->now_ns);
	v->is_recount = false;
	if (since__apply(v->since, area->snapshot, status->now_ns, status->started_ns, counted)) {
		v->message = "There is not enough memory to count since a moment.";
		return;
	}
	if (!view__ops(v->current)->groups)
		return;
	scene->snapshot = counted;
	scene->trend_most = find_trend_most(counted, scene->group);
	scene->since = since__has_baseline(v->since) ? v->since : NULL;
}

/* What is looked for may be in a name that has no row of its own. */
static void fold_rows(struct view *v, struct table_scene *scene, struct snapshot *folded)
{
	const struct table *t = view__table(v);

	if (!view__ops(v->current)->folds || *table__filter_text(t) || *table__search_text(t) ||
	    fold__apply(v->fold, scene->snapshot, folded))
		return;
	scene->snapshot = folded;
	scene->fold = v->fold;
}

/* The table, `head` rows below what the screen has above it, and what its row is about. */
static void draw_table(struct view *v, const struct screen_area *area, int head,
		       const struct table_scene *scene)
{
	const struct screen_ops *ops = screens[v->current];
	const int rows = ops->subject ? preview__rows(v->preview, area->canvas, area->rows) : 0;
	struct screen_area preview = *area;
	struct table *t = view__table(v);
	const void *current;

	preview.row += area->rows - rows;
	preview.rows = rows;
	v->has_subject = false;
	v->family = 0;
	memset(&v->subject, 0, sizeof(v->subject));
	v->subject.group.key = scene->group;
	if (table__draw(t, scene, area->canvas, area->row + head, area->rows - head - rows,
			&current) != 0)
		v->message = "There is not enough memory to draw the table.";
	else if (table__search_missed(t))
		v->message = "The search found nothing.";
	if (!current || !ops->subject)
		return;
	ops->subject(current, &v->subject);
	v->has_subject = true;
	v->family = scene->fold ? fold__family(v->fold, current) : 0;
	if (rows)
		preview__draw(v->preview, &preview, &v->subject);
}

static void draw_screen(struct view *v, const struct screen_area *area)
{
	const struct screen_ops *ops = screens[v->current];
	struct table *t = view__table(v);
	struct table_scene scene = {
		.snapshot = area->snapshot,
		.now_ns = area->status->now_ns,
		.is_utf8 = canvas__is_utf8(area->canvas),
		.started_ns = area->status->started_ns,
		.clock_offset_ns = area->status->clock_offset_ns,
		.threshold_ns = area->status->threshold_ns,
		.light = area->status->light,
		.only = view__is_listing_group(v) ? &v->only : NULL,
		.group = t ? group_of(ops, t) : GROUP_AUTO,
	};
	const int head = ops->head ? ops->head(area) : 0;
	struct snapshot counted, folded;

	count_since(v, area, &scene, &counted);
	if (!t) {
		if (ops->draw)
			ops->draw(v->slots[v->current].state, area);
		return;
	}
	fold_rows(v, &scene, &folded);
	draw_table(v, area, head, &scene);
}

int view__set_baseline(struct view *v, const struct snapshot *snapshot, uint64_t duration_ns)
{
	return since__set_baseline(v->since, snapshot, duration_ns);
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
	struct view_status body = *status, head = *status;
	struct screen_area area = { .status = &body, .canvas = c };
	int row;

	canvas__clear(c);
	if (canvas__rows(c) < VIEW_MIN_ROWS || canvas__columns(c) < VIEW_MIN_COLUMNS) {
		draw_too_small(v, c);
		return;
	}
	light__set_share(&head.light, snapshot);
	row = header__draw(snapshot, &head, c);
	area.snapshot = pause_at(v, snapshot, status->now_ns);
	light__set_share(&body.light, area.snapshot);
	if (v->is_paused)
		body.now_ns = v->frozen_ns;
	area.row = row + 1;
	area.rows = canvas__rows(c) - area.row - 1;
	if (area.rows > 0)
		draw_screen(v, &area);
	if (v->menu.kind != MENU_NONE)
		menu__draw(v, c, area.row + 1, area.rows - 1);
	draw_tabs(v, body.now_ns, c, row);
	bottom__draw(v, status, c);
}

const char *view__copied(const struct view *v)
{
	const struct screen_ops *ops = screens[v->current];

	if (view__table(v))
		return table__text(view__table(v));
	return ops->text ? ops->text(v->slots[v->current].state) : "";
}

static void list_columns(const struct table *t, char *list, size_t size)
{
	const struct table_ops *ops = table__ops(t);
	bool is_any_hidden = false;
	size_t used = 0;

	for (size_t i = 0; i < ops->n_columns && used < size; i++) {
		is_any_hidden |= table__is_hidden(t, i);
		if (!table__is_hidden(t, i))
			used += (size_t)snprintf(list + used, size - used, "%s%s", used ? "," : "",
						 ops->columns[i].name);
	}
	if (!is_any_hidden)
		list[0] = '\0';
}

void view__settings(const struct view *v, struct view_settings *ret)
{
	const int screen = screens[v->current]->is_in_tabs ? v->current : v->back;
	const struct table *t = v->slots[screen].table;

	*ret = (struct view_settings){ .screen = screens[screen]->name, .theme = v->theme };
	ret->group = group_of(&screen_coroutines, v->slots[SCREEN_coroutines].table);
	if (!t)
		return;
	ret->sort = table__sorted_by(t);
	list_columns(t, ret->columns, sizeof(ret->columns));
}

size_t view__format(const struct view *v)
{
	return v->format;
}

enum theme view__theme(const struct view *v)
{
	return v->theme;
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
