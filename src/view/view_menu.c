/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists drawn over the screen: what to sort by, what to save as, and the setup: which columns to
 * show, and the theme.
 */
#include <string.h>

#include "view/view_impl.h"

#define ITEM_MARGIN 4 /* "[x] " before the title */
#define MAX_ITEMS 64
#define NAME_COLUMNS 12

enum item_kind {
	ITEM_COLUMN,
	ITEM_FORMAT,
	ITEM_THEME,
	ITEM_SAVE,
};

/* One line. `number` is that of the column, format or theme. */
struct item {
	enum item_kind kind;
	size_t number;
	const char *name, *title, *mark; /* name: shown before the title, NULL: nothing */
	const char *note; /* behind the title, NULL: nothing */
};

static const struct table_column *column_of(const struct view *v, size_t column)
{
	return &table__ops(view__table(v))->columns[column];
}

static bool is_sorted_by(const struct view *v, size_t column)
{
	return !strcmp(column_of(v, column)->name, table__sorted_by(view__table(v)));
}

static size_t list_formats(const struct view *v, struct item *items)
{
	size_t n;

	for (n = 0; n < v->n_formats && n < MAX_ITEMS; n++)
		items[n] = (struct item){ ITEM_FORMAT,
					  n,
					  v->formats[n].name,
					  v->formats[n].title,
					  n == v->format ? " * " : "   ",
					  NULL };
	return n;
}

static struct item column_item(const struct table *t, size_t column)
{
	const bool is_hidden = table__is_hidden(t, column);
	struct item item = {
		.kind = ITEM_COLUMN,
		.number = column,
		.title = table__ops(t)->columns[column].title,
		.mark = is_hidden ? "[ ]" : "[x]",
	};

	if (column == table__name_column(t))
		item.note = "  (always)";
	else if (!is_hidden && !table__has_room(t, column))
		item.note = "  (no room)";
	return item;
}

static size_t list_columns(const struct view *v, struct item *items)
{
	const struct table *t = view__table(v);
	size_t n = 0;

	for (size_t i = 0; t && i < table__ops(t)->n_columns; i++) {
		const struct table_column *column = column_of(v, i);

		if (v->menu.kind == MENU_SETUP)
			items[n++] = column_item(t, i);
		else if (column->compare)
			items[n++] = (struct item){ ITEM_COLUMN,
						    i,
						    NULL,
						    column->title,
						    is_sorted_by(v, i) ? " * " : "   ",
						    NULL };
	}
	return n;
}

static size_t list_setup(const struct view *v, struct item *items)
{
	size_t n = list_columns(v, items);

	for (enum theme theme = 0; theme < THEME_MAX; theme++) {
		items[n++] = (struct item){ ITEM_THEME,
					    theme,
					    NULL,
					    theme_title(theme),
					    theme == v->theme ? "(x)" : "( )",
					    NULL };
	}
	items[n++] =
		(struct item){ ITEM_SAVE, 0,   NULL, "Save: begin with this screen, order, ...",
			       "   ",	  NULL };
	return n;
}

static size_t list_items(const struct view *v, struct item items[MAX_ITEMS])
{
	switch (v->menu.kind) {
	case MENU_FORMATS:
		return list_formats(v, items);
	case MENU_SETUP:
		return list_setup(v, items);
	default:
		return list_columns(v, items);
	}
}

void menu__open(struct view *v, enum menu_kind kind)
{
	struct item items[MAX_ITEMS];
	size_t n;

	v->menu = (struct view_menu){ .kind = kind };
	n = list_items(v, items);
	/* On what is chosen now, if it is one. */
	for (size_t i = 0; i < n; i++)
		if (items[i].mark[1] == '*')
			v->menu.at = i;
}

static void move_to(struct view *v, long item)
{
	struct item items[MAX_ITEMS];
	long n = (long)list_items(v, items);

	v->menu.at = (size_t)(item < 0 || n == 0 ? 0 : item < n ? item : n - 1);
}

static enum view_request choose(struct view *v)
{
	const enum menu_kind kind = v->menu.kind;
	struct item items[MAX_ITEMS];
	const struct item *item = &items[v->menu.at];

	if (v->menu.at >= list_items(v, items))
		return VIEW_REDRAW;
	/* Of a setup more than one thing may be changed. */
	if (kind != MENU_SETUP)
		v->menu.kind = MENU_NONE;
	switch (item->kind) {
	case ITEM_FORMAT:
		v->format = item->number;
		return VIEW_SAVE;
	case ITEM_SAVE:
		v->menu.kind = MENU_NONE;
		return VIEW_SAVE_SETTINGS;
	case ITEM_THEME:
		v->theme = (enum theme)item->number;
		return VIEW_THEME;
	default:
		if (kind == MENU_SETUP)
			table__toggle_column(view__table(v), item->number);
		else
			table__sort(view__table(v), column_of(v, item->number)->name);
		return VIEW_REDRAW;
	}
}

static enum view_request click(struct view *v, const struct view_event *event)
{
	struct view_menu *m = &v->menu;
	uint32_t key = bottom__key(v, event->row, event->column);

	if (key != KEY_NONE)
		return menu__input(v, &(struct view_event){ .key = key });
	if (event->row >= m->row && event->row < m->row + m->n_drawn && event->column < m->width) {
		m->at = m->top + (size_t)(event->row - m->row);
		return choose(v);
	}
	m->kind = MENU_NONE;
	return VIEW_REDRAW;
}

/* Whether it is a key that moves the cursor. */
static bool move_by_key(struct view *v, uint32_t key)
{
	const struct view_menu *m = &v->menu;
	const long at = (long)m->at;

	switch (key) {
	case VKEY_UP:
	case VKEY_WHEEL_UP:
	case 'k':
		move_to(v, at - 1);
		break;
	case VKEY_DOWN:
	case VKEY_WHEEL_DOWN:
	case 'j':
		move_to(v, at + 1);
		break;
	case VKEY_PAGE_UP:
		move_to(v, at - m->n_drawn);
		break;
	case VKEY_PAGE_DOWN:
		move_to(v, at + m->n_drawn);
		break;
	case VKEY_HOME:
	case 'g':
		move_to(v, 0);
		break;
	case VKEY_END:
	case 'G':
		move_to(v, MAX_ITEMS);
		break;
	default:
		return false;
	}
	return true;
}

enum view_request menu__input(struct view *v, const struct view_event *event)
{
	if (move_by_key(v, event->key))
		return VIEW_REDRAW;
	switch (event->key) {
	case VKEY_ENTER:
	case ' ':
		return choose(v);
	case VKEY_MOUSE:
		return click(v, event);
	case VKEY_ESCAPE:
	case VKEY_BACKSPACE:
	case CONTROL('C'):
	case FUNCTION(2):
	case FUNCTION(6):
	case FUNCTION(10):
	case 'q':
		v->menu.kind = MENU_NONE;
		break;
	default:
		break;
	}
	return VIEW_REDRAW;
}

static const struct {
	const char *heading, *keys;
} kinds[] = {
	[MENU_SORT] = { "Sort by", "Enter Sort  Esc Back" },
	[MENU_SETUP] = { "Setup", "Space Choose  Esc Back" },
	[MENU_FORMATS] = { "Save as", "Enter Save  Esc Back" },
};

const char *menu__keys(const struct view *v)
{
	return kinds[v->menu.kind].keys;
}

/* Scrolls as little as needed. */
static void show_item(struct view_menu *m, size_t n, size_t room)
{
	if (m->at < m->top)
		m->top = m->at;
	if (room > 0 && m->at >= m->top + room)
		m->top = m->at - room + 1;
	if (m->top + room > n)
		m->top = n > room ? n - room : 0;
}

static int name_columns(const struct item *item)
{
	return item->name ? NAME_COLUMNS : 0;
}

static int item_columns(const struct item *item)
{
	return name_columns(item) + text_columns(item->title) + text_columns(item->note ?: "");
}

void menu__draw(struct view *v, struct canvas *c, int row, int rows)
{
	struct view_menu *m = &v->menu;
	const char *heading = kinds[m->kind].heading;
	struct item items[MAX_ITEMS];
	size_t n = list_items(v, items), i;
	size_t room = rows > 1 ? (size_t)rows - 1 : 0;
	int width = text_columns(heading);

	for (i = 0; i < n; i++)
		if (item_columns(&items[i]) > width)
			width = item_columns(&items[i]);
	m->width = width + 2 + ITEM_MARGIN;
	if (m->width > canvas__columns(c) - 2)
		m->width = canvas__columns(c) - 2;
	m->row = row + 1;
	show_item(m, n, room);
	canvas__printf(c, row, 0, m->width, ATTR_TITLE, " %-*s", m->width, heading);
	for (i = 0; i < room && m->top + i < n; i++)
		canvas__printf(c, m->row + (int)i, 0, m->width,
			       m->top + i == m->at ? ATTR_SELECTED : ATTR_NORMAL, " %s %-*s%s%-*s",
			       items[m->top + i].mark, name_columns(&items[m->top + i]),
			       items[m->top + i].name ?: "", items[m->top + i].title, m->width,
			       items[m->top + i].note ?: "");
	m->n_drawn = (int)i;
	for (i = 0; i <= (size_t)m->n_drawn; i++)
		canvas__text(c, row + (int)i, m->width, 2, ATTR_DIM,
			     canvas__is_utf8(c) ? "\u2502 " : "| ");
}
