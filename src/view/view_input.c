/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What keys do. A prompt takes all of them; then the screen is asked, then the tables below.
 */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "view/view_impl.h"

#define CONTROL(letter) ((letter)&0x1f)
#define FUNCTION(n) (VKEY_F1 + (n)-1)

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
	{ 'T', VIEW_THRESHOLD_UP },
	{ 't', VIEW_THRESHOLD_DOWN },
	{ 'S', VIEW_SAVE },
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
	table__page(t, -1);
}

static void key_page_down(struct table *t)
{
	table__page(t, 1);
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
	{ VKEY_HOME, table__first },
	{ 'g', table__first },
	{ VKEY_END, table__last },
	{ 'G', table__last },
	{ '<', key_sort_left },
	{ '>', key_sort_right },
	{ FUNCTION(6), key_sort_right },
	{ 'I', table__invert },
	{ ' ', key_tag },
	{ 'U', table__untag },
	{ 'F', key_follow },
	{ 'n', key_next_match },
	{ 'N', key_previous_match },
};

static bool table_key(struct table *t, uint32_t key)
{
	size_t i;

	for (i = 0; i < sizeof(table_keys) / sizeof(table_keys[0]); i++) {
		if (table_keys[i].key == key) {
			table_keys[i].run(t);
			return true;
		}
	}
	return key < 0x80 && table__sort_key(t, (char)key) == 0;
}

/* Prompt */

static void open_prompt(struct view *v, enum view_prompt prompt)
{
	v->prompt = prompt;
	v->typed[0] = '\0';
	if (prompt == PROMPT_FILTER)
		snprintf(v->typed, sizeof(v->typed), "%s", table__filter_text(view__table(v)));
}

static void prompt_done(struct view *v)
{
	struct table *t = view__table(v);
	int err = v->prompt == PROMPT_SEARCH ? table__search(t, v->typed) :
					       table__filter(t, v->typed);

	if (err)
		v->message = "That is not a regular expression: see regex(7).";
	v->prompt = PROMPT_NONE;
}

static void erase_char(char *text)
{
	size_t n = strlen(text);

	while (n > 0 && (text[n - 1] & 0xc0) == 0x80)
		n--;
	text[n > 0 ? n - 1 : 0] = '\0';
}

static void prompt_key(struct view *v, uint32_t key)
{
	size_t used = strlen(v->typed);

	switch (key) {
	case VKEY_ENTER:
		prompt_done(v);
		return;
	case VKEY_ESCAPE:
	case CONTROL('C'):
		v->prompt = PROMPT_NONE;
		return;
	case VKEY_BACKSPACE:
		erase_char(v->typed);
		return;
	case CONTROL('U'):
		v->typed[0] = '\0';
		return;
	default:
		break;
	}
	if (key >= 0x20 && key < KEYS_SPECIAL && (key < 0x7f || key >= 0xa0) &&
	    used + UTF8_MAX_BYTES < sizeof(v->typed))
		v->typed[used + utf8__encode(key, v->typed + used)] = '\0';
}

/* Screens */

static void next_tab(struct view *v, int direction)
{
	int screen = v->current;

	do {
		screen = (screen + direction + SCREEN_MAX) % SCREEN_MAX;
	} while (!view__ops(screen)->is_in_tabs && screen != v->current);
	view__show(v, screen);
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

	if (t) {
		table__search(t, "");
		table__filter(t, "");
	} else {
		view__show(v, v->back);
	}
}

static bool screen_key(struct view *v, uint32_t key)
{
	int i;

	switch (key) {
	case VKEY_TAB:
		next_tab(v, 1);
		return true;
	case VKEY_BACKTAB:
		next_tab(v, -1);
		return true;
	case VKEY_ESCAPE:
		escape(v);
		return true;
	case '?':
	case FUNCTION(1):
		show_named(v, SCREEN_OF_HELP);
		return true;
	default:
		break;
	}
	for (i = 0; i < SCREEN_MAX; i++) {
		if (key && view__ops(i)->key == key) {
			view__show(v, i);
			return true;
		}
	}
	return false;
}

static bool patterns_key(struct view *v, uint32_t key)
{
	if (!view__table(v))
		return false;
	switch (key) {
	case '/':
	case FUNCTION(3):
		open_prompt(v, PROMPT_SEARCH);
		return true;
	case '\\':
	case FUNCTION(4):
		open_prompt(v, PROMPT_FILTER);
		return true;
	case VKEY_ENTER:
		if (v->has_subject)
			show_named(v, SCREEN_OF_SUBJECT);
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

static enum view_request click(struct view *v, const struct view_event *event)
{
	int i;

	for (i = 0; event->row == v->tabs_row && i < SCREEN_MAX; i++) {
		if (event->column >= v->tabs[i].at &&
		    event->column < v->tabs[i].at + v->tabs[i].width) {
			view__show(v, i);
			return VIEW_REDRAW;
		}
	}
	if (view__table(v) && table__click(view__table(v), event->row, event->column))
		return VIEW_REDRAW;
	return VIEW_NOTHING;
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
	size_t i;

	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (requests[i].key == key)
			return requests[i].request;
	if (key == 'p') {
		toggle_pause(v);
		return VIEW_REDRAW;
	}
	if (key == 'r') {
		/* What was counted goes, so there is nothing to be paused on. */
		if (v->is_paused)
			toggle_pause(v);
		return VIEW_RESET;
	}
	if (patterns_key(v, key) || screen_key(v, key) ||
	    (view__table(v) && table_key(view__table(v), key)))
		return VIEW_REDRAW;
	return row_request(v, key);
}

enum view_request view__input(struct view *v, const struct view_event *event)
{
	const struct screen_ops *ops = view__ops(v->current);
	enum view_request request = VIEW_REDRAW;

	v->message = NULL;
	if (v->prompt != PROMPT_NONE) {
		prompt_key(v, event->key);
		return VIEW_REDRAW;
	}
	if (ops->input && ops->input(v->slots[v->current].state, view__table(v), event, &request))
		return request;
	if (event->key == VKEY_MOUSE)
		return click(v, event);
	return plain_key(v, event->key);
}
