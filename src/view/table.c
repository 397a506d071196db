/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the user changes of a table: order, cursor, tags, patterns. Works on the identities of the
 * rows drawn last and never looks into a row.
 */
#include "view/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "view/table_impl.h"

#define WHEEL_ROWS 3

static int find_column(const struct table *t, const char *name, size_t length)
{
	for (size_t i = 0; i < t->ops->n_columns; i++)
		if (strlen(t->ops->columns[i].name) == length &&
		    !strncmp(t->ops->columns[i].name, name, length))
			return (int)i;
	return -ENOENT;
}

int table__new(struct table **ret_table, const struct table_ops *ops)
{
	struct table *t = calloc(1, sizeof(*t));
	int sort;

	if (!t)
		return -ENOMEM;
	t->ops = ops;
	sort = find_column(t, ops->sort, strlen(ops->sort));
	t->sort = sort < 0 ? 0 : (size_t)sort;
	t->is_following = true;
	*ret_table = t;
	return 0;
}

void table__free(struct table *t)
{
	if (!t)
		return;
	table_filter__free(t->filter);
	if (t->search[0])
		regfree(&t->search_regex);
	free(t->lines);
	free(t->order);
	free(t->sorted);
	free(t->nodes);
	free(t->tags);
	free(t->text);
	free(t);
}

void table__use(struct table *t, const struct table_ops *ops)
{
	t->ops = ops;
	t->n_order = t->n_left_out = 0;
	table__untag(t);
	table__first(t);
}

uint64_t table__id(const char *a, const char *b, uint64_t number)
{
	const char *const strings[] = { a, b };
	uint64_t hash = HASH_SEED;

	/* The end of a string counts as a byte. */
	for (size_t i = 0; i < N_OF(strings); i++)
		hash = hash_byte(hash_string(hash, strings[i] ? strings[i] : ""), 0);
	for (size_t i = 0; i < sizeof(number); i++)
		hash = hash_byte(hash, (unsigned char)(number >> 8 * i));
	return hash;
}

/* Cursor */

static void place_cursor(struct table *t, size_t at)
{
	if (t->n_lines == 0)
		return;
	t->cursor = at < t->n_lines ? at : t->n_lines - 1;
	t->cursor_id = t->lines[t->cursor].id;
	t->is_placed = true;
}

void table__move(struct table *t, long by)
{
	if (by < 0 && (size_t)-by > t->cursor)
		place_cursor(t, 0);
	else
		place_cursor(t, t->cursor + (size_t)by);
}

void table__page(struct table *t, int direction, int parts)
{
	long page = (t->n_drawn - 1) / parts;

	table__move(t, direction * (page > 1 ? page : 1));
}

void table__wheel(struct table *t, int direction)
{
	size_t shown = (size_t)t->n_drawn, most = t->n_lines > shown ? t->n_lines - shown : 0;

	if (shown == 0)
		return;
	if (direction > 0)
		t->top = t->top + WHEEL_ROWS < most ? t->top + WHEEL_ROWS : most;
	else
		t->top = t->top > WHEEL_ROWS ? t->top - WHEEL_ROWS : 0;
	if (t->cursor < t->top)
		place_cursor(t, t->top);
	else if (t->cursor >= t->top + shown)
		place_cursor(t, t->top + shown - 1);
}

void table__first(struct table *t)
{
	t->cursor = 0;
	t->is_placed = false;
}

void table__last(struct table *t)
{
	if (t->n_lines > 0)
		place_cursor(t, t->n_lines - 1);
}

void table__scroll(struct table *t, int direction)
{
	size_t shown = 0;

	for (size_t i = 0; i < t->ops->n_columns; i++)
		shown += !t->is_hidden[i];
	if (direction < 0 && t->skip > 0)
		t->skip--;
	else if (direction > 0 && t->skip + 2 < shown)
		t->skip++;
}

void table__follow(struct table *t, bool is_following)
{
	t->is_following = is_following;
	if (is_following)
		place_cursor(t, t->cursor);
}

bool table__is_following(const struct table *t)
{
	return t->is_following;
}

const struct table_ops *table__ops(const struct table *t)
{
	return t->ops;
}

void table__show_tree(struct table *t, bool is_tree)
{
	t->is_tree = is_tree && t->ops->parent;
}

bool table__is_tree(const struct table *t)
{
	return t->is_tree;
}

uint64_t table__current(const struct table *t)
{
	return t->cursor < t->n_lines ? t->lines[t->cursor].id : 0;
}

/* Order */

static int sort_by(struct table *t, size_t column)
{
	if (!t->ops->columns[column].compare)
		return -ENOENT;
	t->is_inverted = t->sort == column && !t->is_inverted;
	t->sort = column;
	return 0;
}

int table__sort(struct table *t, const char *name)
{
	int column = find_column(t, name, strlen(name));

	return column < 0 ? column : sort_by(t, (size_t)column);
}

int table__sort_key(struct table *t, char key)
{
	for (size_t i = 0; i < t->ops->n_columns; i++)
		if (key && t->ops->columns[i].key == key)
			return sort_by(t, i);
	return -ENOENT;
}

void table__sort_next(struct table *t, int direction)
{
	size_t n = t->ops->n_columns, i, column = t->sort;

	for (i = 0; i < n; i++) {
		column = (column + (direction > 0 ? 1 : n - 1)) % n;
		if (!t->is_hidden[column] && t->ops->columns[column].compare) {
			sort_by(t, column);
			return;
		}
	}
}

void table__invert(struct table *t)
{
	t->is_inverted = !t->is_inverted;
}

const char *table__sorted_by(const struct table *t)
{
	return t->ops->columns[t->sort].name;
}

int table__columns(struct table *t, const char *names)
{
	bool is_hidden[TABLE_MAX_COLUMNS];
	size_t length;
	int column;

	for (size_t i = 0; i < TABLE_MAX_COLUMNS; i++)
		is_hidden[i] = true;
	for (; *names; names += length + (names[length] == ',')) {
		length = strcspn(names, ",");
		column = find_column(t, names, length);
		if (column < 0)
			return column;
		is_hidden[column] = false;
	}
	memcpy(t->is_hidden, is_hidden, sizeof(is_hidden));
	t->skip = 0;
	return 0;
}

bool table__is_hidden(const struct table *t, size_t column)
{
	return t->is_hidden[column];
}

/* Always shown: it says what a row stands for. */
size_t table__name_column(const struct table *t)
{
	for (size_t i = 0; i < t->ops->n_columns; i++)
		if (t->ops->columns[i].align == TABLE_NAME)
			return i;
	return 0;
}

void table__toggle_column(struct table *t, size_t column)
{
	size_t shown = 0;

	for (size_t i = 0; i < t->ops->n_columns; i++)
		shown += !t->is_hidden[i];
	if (t->is_hidden[column] || (shown > 1 && column != table__name_column(t)))
		t->is_hidden[column] = !t->is_hidden[column];
	t->skip = 0;
}

bool table__has_room(const struct table *t, size_t column)
{
	return t->places[column].width > 0;
}

/* Patterns */

int table__filter(struct table *t, const char *pattern)
{
	struct table_filter *filter = NULL;
	int r = 0;

	if (pattern[0])
		r = table_filter__new(&filter, pattern);
	if (r)
		return r;
	table_filter__free(t->filter);
	t->filter = filter;
	return 0;
}

const char *table__filter_text(const struct table *t)
{
	return t->filter ? t->filter->text : "";
}

const char *table__search_text(const struct table *t)
{
	return t->search;
}

int table__search(struct table *t, const char *pattern)
{
	regex_t regex;

	if (strlen(pattern) >= sizeof(t->search))
		return -EINVAL;
	if (pattern[0] && regcomp(&regex, pattern, REG_EXTENDED | REG_ICASE) != 0)
		return -EINVAL;
	if (t->search[0])
		regfree(&t->search_regex);
	strcpy(t->search, pattern);
	t->is_missed = false;
	t->seek = 0;
	if (!pattern[0])
		return 0;
	t->search_regex = regex;
	t->is_search_literal = pattern_is_literal(pattern);
	t->seek = 1;
	t->is_seek_here = true;
	return 0;
}

void table__search_next(struct table *t, int direction)
{
	if (!t->search[0])
		return;
	t->seek = direction;
	t->is_seek_here = false;
}

bool table__search_missed(const struct table *t)
{
	return t->is_missed;
}

void table__mark(const struct table *t, struct table_mark *ret)
{
	*ret = (struct table_mark){ t->cursor_id, t->cursor, t->top, t->is_placed, "", "" };
	strcpy(ret->filter, table__filter_text(t));
	strcpy(ret->search, t->search);
}

void table__return(struct table *t, const struct table_mark *mark)
{
	t->cursor_id = mark->cursor_id;
	t->cursor = mark->cursor;
	t->top = mark->top;
	t->is_placed = mark->is_placed;
}

void table__restore(struct table *t, const struct table_mark *mark)
{
	table__filter(t, mark->filter);
	table__search(t, mark->search);
	t->seek = 0;
	table__return(t, mark);
}

enum table_hit table__click(struct table *t, int row, int column)
{
	if (row > t->head_row && row <= t->head_row + t->n_drawn) {
		place_cursor(t, t->top + (size_t)(row - t->head_row - 1));
		return TABLE_HIT_ROW;
	}
	for (size_t i = 0; row == t->head_row && i < t->ops->n_columns; i++)
		if (column >= t->places[i].at && column < t->places[i].at + t->places[i].width)
			return sort_by(t, i) == 0 ? TABLE_HIT_HEAD : TABLE_MISSED;
	return TABLE_MISSED;
}

const char *table__text(const struct table *t)
{
	return t->text ? t->text : "";
}

size_t table__shown(const struct table *t)
{
	return t->n_matches;
}

size_t table__total(const struct table *t)
{
	return t->n_total;
}
