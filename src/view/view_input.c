/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What keys do. A prompt takes all of them; then the screen is asked, then the tables below.
 */
#include <stddef.h>

#include "base/array.h"
#include "view/view_impl.h"

static const struct {
	uint32_t key;
	enum view_request request;
} requests[] = {
	{ 'q', VIEW_QUIT },
	{ FUNCTION(10), VIEW_QUIT },
	{ CONTROL('C'), VIEW_QUIT },
	{ CONTROL('Z'), VIEW_SUSPEND },
	{ CONTROL('L'), VIEW_REDRAW },
	{ '+', VIEW_FASTER },
	{ '-', VIEW_SLOWER },
	{ ']', VIEW_THRESHOLD_UP },
	{ 'T', VIEW_THRESHOLD_UP },
	{ '[', VIEW_THRESHOLD_DOWN },
};

/* Of a recording. */
static const struct {
	uint32_t key;
	enum view_request request;
} replay_requests[] = {
	{ 'p', VIEW_PLAY },	     { ',', VIEW_SEEK_BACK },	     { '.', VIEW_SEEK_FORWARD },
	{ '{', VIEW_SEEK_FAR_BACK }, { '}', VIEW_SEEK_FAR_FORWARD }, { 'r', VIEW_REWIND },
};

/* Keys of a table. */
static void key_up(struct table *t)
{
	table__move(t, -1);
}

static void key_down(struct table *t)
{
	table__move(t, 1);
}

static void key_left(struct table *t)
{
	table__scroll(t, -1);
}

static void key_right(struct table *t)
{
	table__scroll(t, 1);
}

static void key_page_up(struct table *t)
{
	table__page(t, -1, 1);
}

static void key_page_down(struct table *t)
{
	table__page(t, 1, 1);
}

static void key_half_up(struct table *t)
{
	table__page(t, -1, 2);
}

static void key_half_down(struct table *t)
{
	table__page(t, 1, 2);
}

static void key_wheel_up(struct table *t)
{
	table__wheel(t, -1);
}

static void key_wheel_down(struct table *t)
{
	table__wheel(t, 1);
}

static void key_sort_left(struct table *t)
{
	table__sort_next(t, -1);
}

static void key_sort_right(struct table *t)
{
	table__sort_next(t, 1);
}

static void key_tag(struct table *t)
{
	table__tag(t);
	table__move(t, 1);
}

static void key_follow(struct table *t)
{
	table__follow(t, !table__is_following(t));
}

static void key_next_match(struct table *t)
{
	table__search_next(t, 1);
}

static void key_previous_match(struct table *t)
{
	table__search_next(t, -1);
}

static const struct {
	uint32_t key;
	void (*run)(struct table *t);
} table_keys[] = {
	{ VKEY_UP, key_up },
	{ 'k', key_up },
	{ VKEY_DOWN, key_down },
	{ 'j', key_down },
	{ VKEY_LEFT, key_left },
	{ 'h', key_left },
	{ VKEY_RIGHT, key_right },
	{ 'l', key_right },
	{ VKEY_PAGE_UP, key_page_up },
	{ CONTROL('B'), key_page_up },
	{ VKEY_PAGE_DOWN, key_page_down },
	{ CONTROL('F'), key_page_down },
	{ CONTROL('U'), key_half_up },
	{ CONTROL('D'), key_half_down },
	{ VKEY_WHEEL_UP, key_wheel_up },
	{ VKEY_WHEEL_DOWN, key_wheel_down },
	{ VKEY_HOME, table__first },
	{ 'g', table__first },
	{ VKEY_END, table__last },
	{ 'G', table__last },
	{ '<', key_sort_left },
	{ '>', key_sort_right },
	{ 'I', table__invert },
	{ ' ', key_tag },
	{ 'U', table__untag },
	{ 'F', key_follow },
	{ 'n', key_next_match },
	{ 'N', key_previous_match },
};

static bool table_key(struct table *t, uint32_t key)
{
	for (size_t i = 0; i < N_OF(table_keys); i++) {
		if (table_keys[i].key == key) {
			table_keys[i].run(t);
			return true;
		}
	}
	return key < 0x80 && table__sort_key(t, (char)key) == 0;
}

/* Screens */

/* Asked for by name: all of it. */
static void choose_screen(struct view *v, int screen)
{
	if (view__ops(screen)->is_in_tabs)
		v->only.is_some = false;
	view__show(v, screen);
}

static void next_tab(struct view *v, int direction)
{
	int screen = v->current;

	do {
		screen = (screen + direction + SCREEN_MAX) % SCREEN_MAX;
	} while (!view__ops(screen)->is_in_tabs && screen != v->current);
	choose_screen(v, screen);
}

static void show_named(struct view *v, const char *name)
{
	int screen = view__find_screen(name);

	if (screen >= 0)
		view__show(v, screen);
}

/* Escape undoes the nearest thing: another screen, a search, a filter. */
static void escape(struct view *v)
{
	struct table *t = view__table(v);

	if (!t || !view__ops(v->current)->is_in_tabs) {
		view__show(v, v->back);
		return;
	}
	if (!*table__search_text(t) && !*table__filter_text(t) &&
	    (view__leave_group(v) || (view__ops(v->current)->folds && fold__close(v->fold))))
		return;
	table__search(t, "");
	table__filter(t, "");
}

static bool screen_key(struct view *v, uint32_t key)
{
	switch (key) {
	case VKEY_TAB:
		next_tab(v, 1);
		return true;
	case VKEY_BACKTAB:
		next_tab(v, -1);
		return true;
	case VKEY_ESCAPE:
	case VKEY_BACKSPACE:
		escape(v);
		return true;
	case 'g':
		if (!view__ops(v->current)->other)
			break;
		show_named(v, view__ops(v->current)->other);
		return true;
	case '?':
	case FUNCTION(1):
		show_named(v, SCREEN_OF_HELP);
		return true;
	default:
		break;
	}
	for (int i = 0; i < SCREEN_MAX; i++) {
		if (key && view__ops(i)->key == key) {
			choose_screen(v, i);
			return true;
		}
	}
	return false;
}

/* What a table's rows can be seen as; a screen that has no such thing says so. */
static bool tree_key(struct view *v, uint32_t key)
{
	struct table *t = view__table(v);
	bool has_tree = t && table__ops(t)->parent;

	if (key == 't' || key == FUNCTION(5)) {
		if (has_tree)
			table__show_tree(t, !table__is_tree(t));
		else
			v->message = "This screen has no tree.";
		return true;
	}
	if (key != 'c' || !has_tree)
		return false;
	if (table__is_tree(t))
		table__tag_branch(t);
	else
		v->message = "A branch is tagged in the tree: t shows it.";
	return true;
}

/* Rows of groups are counted since a moment, or compared with what was before it. */
static bool since_key(struct view *v, uint32_t key)
{
	if (!view__ops(v->current)->groups)
		return false;
	if (key == 'w')
		since__next_window(v->since);
	else if (key == 'b')
		since__mark(v->since);
	else
		return false;
	return true;
}

/* What opens something over a table. */
static bool opening_key(struct view *v, uint32_t key)
{
	if (!view__table(v))
		return false;
	switch (key) {
	case '/':
	case FUNCTION(3):
		prompt__open(v, PROMPT_SEARCH);
		return true;
	case '\\':
	case FUNCTION(4):
		prompt__open(v, PROMPT_FILTER);
		return true;
	case FUNCTION(6):
		menu__open(v, MENU_SORT);
		return true;
	case VKEY_ENTER:
		if (v->family)
			fold__open(v->fold, v->family);
		else if (v->has_subject && v->subject.group.is_some)
			view__show_group(v);
		else if (v->has_subject)
			show_named(v, SCREEN_OF_SUBJECT);
		return true;
	case 'v':
		preview__toggle(v->preview);
		return true;
	default:
		return false;
	}
}

static void toggle_pause(struct view *v)
{
	v->is_paused = !v->is_paused;
	if (!v->is_paused) {
		frozen__free(v->frozen);
		v->frozen = NULL;
	}
}

/* The second click on a row in a row is Enter. */
static enum view_request click_table(struct view *v, const struct view_event *event,
				     uint64_t before)
{
	struct table *t = view__table(v);
	enum table_hit hit = t ? table__click(t, event->row, event->column) : TABLE_MISSED;

	if (hit == TABLE_HIT_ROW && before && table__current(t) == before)
		return view__input(v, &(struct view_event){ .key = VKEY_ENTER });
	if (hit == TABLE_HIT_ROW)
		v->clicked = table__current(t);
	return hit == TABLE_MISSED ? VIEW_NOTHING : VIEW_REDRAW;
}

static enum view_request click(struct view *v, const struct view_event *event, uint64_t before)
{
	uint32_t key = bottom__key(v, event->row, event->column);

	if (key != KEY_NONE)
		return view__input(v, &(struct view_event){ .key = key });
	for (int i = 0; event->row == v->tabs_row && i < SCREEN_MAX; i++) {
		if (event->column >= v->tabs[i].at &&
		    event->column < v->tabs[i].at + v->tabs[i].width) {
			choose_screen(v, i);
			return VIEW_REDRAW;
		}
	}
	return click_table(v, event, before);
}

/* Requests that are void if there is nothing to do them with. */
static enum view_request row_request(struct view *v, uint32_t key)
{
	const char *file;
	uint32_t line;

	if (key == 'y')
		return view__copied(v)[0] ? VIEW_COPY : VIEW_NOTHING;
	if (key != 'e')
		return VIEW_NOTHING;
	if (view__edit(v, &file, &line) == 0)
		return VIEW_EDIT;
	v->message = "There is no source line known of this row.";
	return VIEW_REDRAW;
}

static enum view_request plain_key(struct view *v, uint32_t key)
{
	for (size_t i = 0; i < N_OF(requests); i++)
		if (requests[i].key == key)
			return requests[i].request;
	for (size_t i = 0; v->is_replay && i < N_OF(replay_requests); i++)
		if (replay_requests[i].key == key) {
			v->is_recount = key != 'p';
			return replay_requests[i].request;
		}
	if (key == 'S') {
		if (v->n_formats == 0)
			return VIEW_SAVE;
		menu__open(v, MENU_FORMATS);
		return VIEW_REDRAW;
	}
	if (key == FUNCTION(2)) {
		menu__open(v, MENU_SETUP);
		return VIEW_REDRAW;
	}
	if (key == 'p') {
		toggle_pause(v);
		return VIEW_REDRAW;
	}
	if (key == 'r') {
		/* The counts are cleared, so a pause has nothing to show. */
		if (v->is_paused)
			toggle_pause(v);
		v->is_recount = true;
		return VIEW_RESET;
	}
	if (opening_key(v, key) || since_key(v, key) || screen_key(v, key) || tree_key(v, key) ||
	    (view__table(v) && table_key(view__table(v), key)))
		return VIEW_REDRAW;
	return row_request(v, key);
}

/* A screen of text need not know every key that moves. */
static const struct {
	uint32_t key, means;
	int times;
} text_keys[] = {
	{ CONTROL('B'), VKEY_PAGE_UP, 1 },   { CONTROL('U'), VKEY_PAGE_UP, 1 },
	{ CONTROL('F'), VKEY_PAGE_DOWN, 1 }, { CONTROL('D'), VKEY_PAGE_DOWN, 1 },
	{ VKEY_WHEEL_UP, VKEY_UP, 3 },	     { VKEY_WHEEL_DOWN, VKEY_DOWN, 3 },
};

static bool screen_input(struct view *v, const struct view_event *event,
			 enum view_request *ret_request)
{
	const struct screen_ops *ops = view__ops(v->current);
	void *state = v->slots[v->current].state;
	bool is_taken;
	size_t i;
	int n;

	if (!ops->input)
		return false;
	is_taken = ops->input(state, view__table(v), event, ret_request);
	for (i = 0; !is_taken && !view__table(v) && i < N_OF(text_keys); i++) {
		const struct view_event meant = { .key = text_keys[i].means };

		for (n = 0; text_keys[i].key == event->key && n < text_keys[i].times; n++)
			is_taken = ops->input(state, NULL, &meant, ret_request);
	}
	return is_taken;
}

enum view_request view__input(struct view *v, const struct view_event *event)
{
	enum view_request request = VIEW_REDRAW;
	uint64_t clicked = v->clicked;

	if (event->is_pasted && v->prompt.kind == PROMPT_NONE)
		return VIEW_NOTHING;
	v->message = NULL;
	v->clicked = 0;
	if (v->prompt.kind != PROMPT_NONE) {
		prompt__key(v, event->key);
		return VIEW_REDRAW;
	}
	if (v->menu.kind != MENU_NONE)
		return menu__input(v, event);
	if (screen_input(v, event, &request))
		return request;
	if (event->key == VKEY_MOUSE)
		return click(v, event, clicked);
	return plain_key(v, event->key);
}
