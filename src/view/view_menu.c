/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists of a table's columns, drawn over it: what to sort by, and which to show.
 */
#include <string.h>

#include "view/view_impl.h"

#define ITEM_MARGIN 4 /* "[x] " before the title */

/* The columns that are items of the menu, in the table's order. Returns how many there are. */
static size_t list_items(const struct view *v, size_t items[TABLE_MAX_COLUMNS])
{
	const struct table_ops *ops = table__ops(view__table(v));
	size_t i, n = 0;

	for (i = 0; i < ops->n_columns; i++)
		if (v->menu.kind == MENU_COLUMNS || ops->columns[i].compare)
			items[n++] = i;
	return n;
}

static const struct table_column *column_of(const struct view *v, size_t column)
{
	return &table__ops(view__table(v))->columns[column];
}

static bool is_sorted_by(const struct view *v, size_t column)
{
	return !strcmp(column_of(v, column)->name, table__sorted_by(view__table(v)));
}

void menu__open(struct view *v, enum menu_kind kind)
{
	size_t items[TABLE_MAX_COLUMNS], n, i;

	v->menu = (struct view_menu){ .kind = kind };
	n = list_items(v, items);
	for (i = 0; kind == MENU_SORT && i < n; i++)
		if (is_sorted_by(v, items[i]))
			v->menu.at = i;
}

static void move_to(struct view *v, long item)
{
	size_t items[TABLE_MAX_COLUMNS];
	long n = (long)list_items(v, items);

	v->menu.at = (size_t)(item < 0 || n == 0 ? 0 : item < n ? item : n - 1);
}

static void choose(struct view *v)
{
	size_t items[TABLE_MAX_COLUMNS];

	if (v->menu.at >= list_items(v, items))
		return;
	if (v->menu.kind == MENU_COLUMNS) {
		table__toggle_column(view__table(v), items[v->menu.at]);
		return;
	}
	table__sort(view__table(v), column_of(v, items[v->menu.at])->name);
	v->menu.kind = MENU_NONE;
}

static void click(struct view *v, const struct view_event *event)
{
	struct view_menu *m = &v->menu;
	uint32_t key = bottom__key(v, event->row, event->column);

	if (key != KEY_NONE) {
		menu__input(v, &(struct view_event){ .key = key });
	} else if (event->row >= m->row && event->row < m->row + m->n_drawn &&
		   event->column < m->width) {
		m->at = m->top + (size_t)(event->row - m->row);
		choose(v);
	} else {
		m->kind = MENU_NONE;
	}
}

void menu__input(struct view *v, const struct view_event *event)
{
	struct view_menu *m = &v->menu;
	long at = (long)m->at;

	switch (event->key) {
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
		move_to(v, TABLE_MAX_COLUMNS);
		break;
	case VKEY_ENTER:
	case ' ':
		choose(v);
		break;
	case VKEY_MOUSE:
		click(v, event);
		break;
	case VKEY_ESCAPE:
	case CONTROL('C'):
	case FUNCTION(2):
	case FUNCTION(6):
	case FUNCTION(10):
	case 'q':
		m->kind = MENU_NONE;
		break;
	default:
		break;
	}
}

const char *menu__keys(const struct view *v)
{
	return v->menu.kind == MENU_SORT ? "Enter Sort  Esc Back" : "Space Show/hide  Esc Back";
}

static const char *mark_of(const struct view *v, size_t column)
{
	if (v->menu.kind == MENU_SORT)
		return is_sorted_by(v, column) ? " * " : "   ";
	return table__is_hidden(view__table(v), column) ? "[ ]" : "[x]";
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

void menu__draw(struct view *v, struct canvas *c, int row, int rows)
{
	struct view_menu *m = &v->menu;
	const char *heading = m->kind == MENU_SORT ? "Sort by" : "Columns", *title;
	size_t items[TABLE_MAX_COLUMNS], n = list_items(v, items), i;
	size_t room = rows > 1 ? (size_t)rows - 1 : 0;
	int width = text_columns(heading);

	for (i = 0; i < n; i++)
		if (text_columns(column_of(v, items[i])->title) > width)
			width = text_columns(column_of(v, items[i])->title);
	m->width = width + 2 + ITEM_MARGIN;
	m->row = row + 1;
	show_item(m, n, room);
	canvas__printf(c, row, 0, m->width, ATTR_TITLE, " %-*s", m->width, heading);
	for (i = 0; i < room && m->top + i < n; i++) {
		title = column_of(v, items[m->top + i])->title;
		canvas__printf(c, m->row + (int)i, 0, m->width,
			       m->top + i == m->at ? ATTR_SELECTED : ATTR_NORMAL, " %s %-*s",
			       mark_of(v, items[m->top + i]), m->width, title);
	}
	m->n_drawn = (int)i;
	for (i = 0; i <= (size_t)m->n_drawn; i++)
		canvas__text(c, row + (int)i, m->width, 2, ATTR_DIM,
			     canvas__is_utf8(c) ? "\u2502 " : "| ");
}
