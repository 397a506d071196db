/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table on the canvas: which columns there is room for, heads, rows, what a search found; and the
 * text to copy.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "view/table_impl.h"

#define ROOMY_COLUMNS 100 /* from here on the gap between columns is wider */

/* Width a column cannot do without: its title with the mark of the order. */
static int least_width(const struct table_column *column)
{
	int title = text_columns(column->title) + (column->compare != NULL);

	return column->min_width > title ? column->min_width : title;
}

static int used_width(const struct table *t, int gap)
{
	int used = 0;

	for (size_t i = 0; i < t->ops->n_columns; i++)
		if (t->places[i].width > 0)
			used += t->places[i].width + (used > 0 ? gap : 0);
	return used;
}

/* The column to give up first, or -1 if all that are left must stay. */
static int least_wanted(const struct table *t)
{
	unsigned int highest = 0;
	int found = -1;

	for (size_t i = 0; i < t->ops->n_columns; i++) {
		if (t->places[i].width > 0 && t->ops->columns[i].priority > 0 &&
		    t->ops->columns[i].priority >= highest) {
			highest = t->ops->columns[i].priority;
			found = (int)i;
		}
	}
	return found;
}

/* One column after the other gets one more, so that they share what is left. */
static void widen(struct table *t, int spare)
{
	bool is_any = true;

	while (spare > 0 && is_any) {
		is_any = false;
		for (size_t i = 0; i < t->ops->n_columns && spare > 0; i++) {
			struct table_place *place = &t->places[i];

			if (place->width > 0 && place->width < t->ops->columns[i].max_width) {
				place->width++;
				spare--;
				is_any = true;
			}
		}
	}
}

static void place_columns(struct table *t, int width)
{
	int gap = width >= ROOMY_COLUMNS ? 2 : 1, at = TABLE_MARGIN, dropped;
	size_t i, skip = t->skip;
	bool is_first = true;

	for (i = 0; i < t->ops->n_columns; i++) {
		t->places[i] = (struct table_place){ 0, 0 };
		if (t->is_hidden[i])
			continue;
		if (is_first || skip == 0)
			t->places[i].width = least_width(&t->ops->columns[i]);
		else
			skip--;
		is_first = false;
	}
	while (used_width(t, gap) > width - TABLE_MARGIN) {
		dropped = least_wanted(t);
		if (dropped < 0)
			break;
		t->places[dropped].width = 0;
	}
	widen(t, width - TABLE_MARGIN - used_width(t, gap));
	for (i = 0; i < t->ops->n_columns; i++) {
		if (t->places[i].width == 0)
			continue;
		t->places[i].at = at;
		at += t->places[i].width + gap;
	}
}

static void draw_head(const struct table *t, struct canvas *c, int row)
{
	bool is_up, is_utf8 = canvas__is_utf8(c);
	char title[64];

	canvas__paint(c, row, 0, canvas__columns(c), ATTR_COLUMN);
	for (size_t i = 0; i < t->ops->n_columns; i++) {
		const struct table_column *column = &t->ops->columns[i];
		const struct table_place *place = &t->places[i];
		enum canvas_attr attr = i == t->sort ? ATTR_SORTED : ATTR_COLUMN;
		const char *mark = "";

		if (place->width == 0)
			continue;
		is_up = column->is_ascending != t->is_inverted;
		if (i == t->sort)
			mark = is_up ? (is_utf8 ? "\u25b2" : "^") : (is_utf8 ? "\u25bc" : "v");
		snprintf(title, sizeof(title), "%s%s",
			 i == 0 && t->ops->first_title ? t->ops->first_title : column->title, mark);
		if (column->align == TABLE_RIGHT)
			canvas__right(c, row, place->at, place->width, attr, title);
		else
			canvas__text(c, row, place->at, place->width, attr, title);
	}
}

/* Cells for each part by its share; what rounding leaves goes to the parts that lost most. */
static void share_cells(const struct table_cell *cell, int width, int *cells)
{
	double total = 0, exact[TABLE_MAX_PARTS];
	int left = width, most;

	for (size_t i = 0; i < cell->n_parts; i++)
		total += cell->parts[i].value;
	for (size_t i = 0; i < cell->n_parts; i++) {
		exact[i] = total > 0 ? cell->parts[i].value / total * width : 0;
		cells[i] = (int)exact[i];
		left -= cells[i];
	}
	while (total > 0 && left-- > 0) {
		most = 0;
		for (size_t i = 1; i < cell->n_parts; i++)
			if (exact[i] - cells[i] > exact[most] - cells[most])
				most = (int)i;
		cells[most]++;
	}
}

/* Fills distinguish the parts without colour. */
static const char *part_fill(enum canvas_attr attr, bool is_utf8)
{
	switch (attr) {
	case ATTR_CPU:
		return is_utf8 ? "\u2593" : "#";
	case ATTR_BLOCKED:
		return is_utf8 ? "\u2592" : "=";
	case ATTR_GIL:
		return is_utf8 ? "\u2591" : "-";
	default:
		return is_utf8 ? "\u00b7" : ".";
	}
}

void cell__draw_parts(const struct table_cell *cell, struct canvas *c, int row, int column,
		      int width)
{
	int cells[TABLE_MAX_PARTS], n;

	share_cells(cell, width, cells);
	for (size_t i = 0; i < cell->n_parts; i++)
		for (n = 0; n < cells[i]; n++)
			canvas__text(c, row, column++, 1,
				     cell->attr == ATTR_FAINT ? ATTR_FAINT : cell->parts[i].attr,
				     part_fill(cell->parts[i].attr, canvas__is_utf8(c)));
}

/* Where a search matches in the part of a cell that is to be seen. */
static void paint_matches(const struct table *t, struct canvas *c, int row,
			  const struct table_place *place, const char *text)
{
	const char *p = text;
	regmatch_t match;
	char before[TABLE_CELL_BYTES], found[TABLE_CELL_BYTES];
	int at;

	while (*p && regexec(&t->search_regex, p, 1, &match, p > text ? REG_NOTBOL : 0) == 0) {
		if (match.rm_eo == match.rm_so)
			break;
		snprintf(before, sizeof(before), "%.*s", (int)(p - text + match.rm_so), text);
		snprintf(found, sizeof(found), "%.*s", (int)(match.rm_eo - match.rm_so),
			 p + match.rm_so);
		at = text_columns(before);
		if (at < place->width)
			canvas__paint(c, row, place->at + at,
				      text_columns(found) < place->width - at ?
					      text_columns(found) :
					      place->width - at,
				      ATTR_MATCH);
		p += match.rm_eo;
	}
}

static void draw_cell(const struct table *t, size_t i, const struct table_cell *cell,
		      struct canvas *c, int row, const struct table_place *place, bool is_selected)
{
	enum canvas_attr attr = is_selected ? ATTR_SELECTED : cell->attr;
	const struct table_column *column = &t->ops->columns[i];
	const bool is_right = column->align == TABLE_RIGHT;
	const bool is_within = column->align == TABLE_NAME;
	struct table_place head = *place;

	if (cell->n_parts > 0) {
		cell__draw_parts(cell, c, row, place->at, place->width);
		return;
	}
	if (is_right && text_columns(cell->text) <= place->width)
		canvas__right(c, row, place->at, place->width, attr, cell->text);
	else
		canvas__cut(c, row, place->at, place->width, attr, cell->text, is_within);
	/* Behind the ellipsis nothing is where the text has it. */
	if (is_within && text_columns(cell->text) > place->width)
		head.width -= 1 + place->width / 3;
	if (t->search[0] && !is_right)
		paint_matches(t, c, row, &head, cell->text);
}

/* The column that the branches of a tree stand in: the first of text. */
static int branch_column(const struct table *t)
{
	for (size_t i = 0; t->is_tree && i < t->ops->n_columns; i++)
		if (t->places[i].width > 0 && t->ops->columns[i].align != TABLE_RIGHT)
			return (int)i;
	return -1;
}

/* The same place without the branches, which are drawn. */
static struct table_place draw_branch(const struct table *t, const struct table_line *line,
				      struct canvas *c, int row, struct table_place place,
				      bool is_selected)
{
	char branch[TABLE_BRANCH_BYTES];
	int used;

	table__branch(t, line, canvas__is_utf8(c), place.width / 2, branch);
	used = canvas__text(c, row, place.at, place.width, is_selected ? ATTR_SELECTED : ATTR_DIM,
			    branch);
	return (struct table_place){ place.at + used, place.width - used };
}

static void draw_line(const struct table *t, const struct table_scene *scene, struct canvas *c,
		      int row, size_t at)
{
	const struct table_line *line = &t->lines[at];
	bool is_selected = at == t->cursor, is_tagged = table__is_tagged(t, line->id);
	int branches = branch_column(t);
	struct table_place place;
	struct table_cell cell;

	if (is_tagged)
		canvas__text(c, row, 1, 1, ATTR_TAGGED, "*");
	if (is_selected) {
		canvas__paint(c, row, 0, canvas__columns(c), ATTR_SELECTED);
		canvas__text(c, row, 0, 1, ATTR_SELECTED, canvas__is_utf8(c) ? "\u25b8" : ">");
	}
	for (size_t i = 0; i < t->ops->n_columns; i++) {
		if (t->places[i].width == 0)
			continue;
		table__cell(t, i, line->row, scene, &cell);
		if (is_tagged && cell.attr == ATTR_NORMAL)
			cell.attr = ATTR_TAGGED;
		else if (line->is_context)
			cell.attr = ATTR_DIM;
		place = t->places[i];
		if ((int)i == branches)
			place = draw_branch(t, line, c, row, place, is_selected);
		draw_cell(t, i, &cell, c, row, &place, is_selected);
	}
}

static void print_line(const struct table *t, const struct table_scene *scene,
		       const struct table_line *line, FILE *f)
{
	struct table_cell cell;
	const char *gap = "";

	for (size_t i = 0; i < t->ops->n_columns; i++) {
		if (t->is_hidden[i])
			continue;
		table__cell(t, i, line->row, scene, &cell);
		if (cell.n_parts > 0 || !cell.text[0])
			continue;
		fprintf(f, "%s%s", gap, cell.text);
		gap = "  ";
	}
	fputc('\n', f);
}

static int print_text(struct table *t, const struct table_scene *scene)
{
	bool is_any = false;
	size_t size;
	FILE *f;

	free(t->text);
	t->text = NULL;
	f = open_memstream(&t->text, &size);
	if (!f)
		return -ENOMEM;
	for (size_t i = 0; t->n_tags > 0 && i < t->n_lines; i++) {
		if (!table__is_tagged(t, t->lines[i].id))
			continue;
		print_line(t, scene, &t->lines[i], f);
		is_any = true;
	}
	if (!is_any && t->cursor < t->n_lines)
		print_line(t, scene, &t->lines[t->cursor], f);
	return fclose(f) == 0 ? 0 : -ENOMEM;
}

/* Scrolls as little as needed. */
static void show_cursor(struct table *t, size_t rows)
{
	if (t->cursor < t->top)
		t->top = t->cursor;
	if (t->cursor >= t->top + rows)
		t->top = t->cursor - rows + 1;
	if (t->top + rows > t->n_lines)
		t->top = t->n_lines > rows ? t->n_lines - rows : 0;
}

static void draw_nothing(const struct table *t, struct canvas *c, int row)
{
	char hint[TABLE_HINT_BYTES];

	canvas__text(c, row, TABLE_MARGIN, INT_MAX, ATTR_DIM,
		     t->n_total > 0 ? "No row passes the filter." : t->ops->empty);
	if (t->n_total > 0)
		canvas__text(c, row + 1, TABLE_MARGIN, INT_MAX, ATTR_WARN,
			     table__filter_hint(t, hint));
}

int table__draw(struct table *t, const struct table_scene *scene, struct canvas *c, int row,
		int rows, const void **ret_current)
{
	int r = table__collect(t, scene), i;

	*ret_current = NULL;
	t->head_row = row;
	t->n_drawn = 0;
	if (r)
		return r;
	if (rows < 2)
		return print_text(t, scene);
	show_cursor(t, (size_t)(rows - 1));
	place_columns(t, canvas__columns(c));
	draw_head(t, c, row);
	for (i = 0; i < rows - 1 && t->top + (size_t)i < t->n_lines; i++)
		draw_line(t, scene, c, row + 1 + i, t->top + (size_t)i);
	t->n_drawn = i;
	if (t->n_lines == 0)
		draw_nothing(t, c, row + 1);
	else
		*ret_current = t->lines[t->cursor].row;
	return print_text(t, scene);
}
