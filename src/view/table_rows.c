/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which rows of a snapshot a table shows and in which order; where the cursor is among them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "view/table_impl.h"

#define ROW_BYTES 1024 /* of a row's text that patterns look at */

void table__cell(const struct table *t, size_t column, const void *row,
		 const struct table_scene *scene, struct table_cell *ret_cell)
{
	ret_cell->text[0] = '\0';
	ret_cell->attr = ATTR_NORMAL;
	ret_cell->n_parts = 0;
	t->ops->columns[column].render(row, scene, ret_cell);
}

/* Columns of words, joined by blanks. */
static void row_text(const struct table *t, const void *row, const struct table_scene *scene,
		     char text[ROW_BYTES])
{
	struct table_cell cell;
	size_t used = 0, n;

	for (size_t i = 0; i < t->ops->n_columns; i++) {
		if (t->ops->columns[i].align == TABLE_RIGHT)
			continue;
		table__cell(t, i, row, scene, &cell);
		n = strlen(cell.text);
		if (cell.n_parts > 0 || used + n + 2 > ROW_BYTES)
			continue;
		memcpy(text + used, cell.text, n);
		used += n;
		text[used++] = ' ';
	}
	text[used > 0 ? used - 1 : 0] = '\0';
}

/* Patterns */

bool pattern_is_literal(const char *pattern)
{
	for (; *pattern; pattern++)
		if ((unsigned char)*pattern >= 0x80 || strchr(" .[](){}*+?|^$\\", *pattern))
			return false;
	return true;
}

/* A word is looked for from column to column: most rows need not be rendered to their end. */
static bool row_matches(const struct table *t, const void *row, const struct table_scene *scene,
			const char *pattern, bool is_literal, const regex_t *regex)
{
	char text[ROW_BYTES];
	struct table_cell cell;

	if (!is_literal) {
		row_text(t, row, scene, text);
		return regexec(regex, text, 0, NULL, 0) == 0;
	}
	for (size_t i = 0; i < t->ops->n_columns; i++) {
		if (t->ops->columns[i].align == TABLE_RIGHT)
			continue;
		table__cell(t, i, row, scene, &cell);
		if (cell.n_parts == 0 && strcasestr(cell.text, pattern))
			return true;
	}
	return false;
}

static int term__compile(struct table_term *term, const char *text, size_t length)
{
	const char *colon;

	memcpy(term->text, text, length);
	term->text[length] = '\0';
	colon = strchr(term->text, ':');
	if (colon && colon > term->text && colon[1]) {
		term->value = colon + 1;
		memcpy(term->word, term->text, (size_t)(colon - term->text));
	}
	term->is_literal = pattern_is_literal(term->text);
	return regcomp(&term->regex, term->text, REG_EXTENDED | REG_ICASE | REG_NOSUB) ? -EINVAL :
											 0;
}

int table_filter__new(struct table_filter **ret_filter, const char *pattern)
{
	struct table_filter *f = calloc(1, sizeof(*f));
	const char *p = pattern;
	size_t length;
	int r = 0;

	if (!f)
		return -ENOMEM;
	if (strlen(pattern) >= sizeof(f->text))
		r = -EINVAL;
	while (!r && *(p += strspn(p, " "))) {
		length = strcspn(p, " ");
		r = f->n_terms < TABLE_MAX_TERMS ? term__compile(&f->terms[f->n_terms], p, length) :
						   -EINVAL;
		if (!r)
			f->n_terms++;
		p += length;
	}
	if (r) {
		table_filter__free(f);
		return r;
	}
	strcpy(f->text, pattern);
	*ret_filter = f;
	return 0;
}

void table_filter__free(struct table_filter *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n_terms; i++)
		regfree(&f->terms[i].regex);
	free(f);
}

bool table__is_shown(const struct table *t, const void *row, const struct table_scene *scene)
{
	int is_match;

	if (scene->only && t->ops->is_in && !t->ops->is_in(row, scene->only))
		return false;
	for (size_t i = 0; t->filter && i < t->filter->n_terms; i++) {
		const struct table_term *term = &t->filter->terms[i];

		is_match = -1;
		if (term->value && t->ops->term)
			is_match = t->ops->term(row, term->word, term->value);
		if (is_match < 0)
			is_match = row_matches(t, row, scene, term->text, term->is_literal,
					       &term->regex);
		if (!is_match)
			return false;
	}
	return true;
}

/* Order */

static int compare_lines(const void *a, const void *b, void *ctx)
{
	const struct table_line *x = a, *y = b;
	const struct table *t = ctx;
	const struct table_column *column = &t->ops->columns[t->sort];
	int order = column->compare ? column->compare(x->row, y->row) : 0;

	if (x->is_first != y->is_first)
		return x->is_first ? -1 : 1;
	if (order == 0)
		return (x->index > y->index) - (x->index < y->index);
	return column->is_ascending != t->is_inverted ? order : -order;
}

void table__leave_out(struct table *t, size_t index)
{
	t->order[t->n_left_out++] = index;
}

static bool is_in_order(struct table *t, const struct table_line *lines, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (compare_lines(&lines[i - 1], &lines[i], t) > 0)
			return false;
	return true;
}

void table__order(struct table *t, struct table_line *lines, size_t n)
{
	if (!is_in_order(t, lines, n))
		qsort_r(lines, n, sizeof(*lines), compare_lines, t);
	if (t->n_left_out > 0)
		memmove(t->order + n, t->order, t->n_left_out * sizeof(t->order[0]));
	for (size_t i = 0; i < n; i++)
		t->order[i] = lines[i].index;
}

static int reserve(struct table *t, size_t n)
{
	struct table_line *lines;
	size_t *order;

	if (n <= t->lines_size)
		return 0;
	lines = reallocarray(t->lines, n, sizeof(*lines));
	if (lines)
		t->lines = lines;
	order = reallocarray(t->order, n, sizeof(*order));
	if (order)
		t->order = order;
	if (!lines || !order)
		return -ENOMEM;
	t->lines_size = n;
	return 0;
}

static void collect_list(struct table *t, const struct table_scene *scene)
{
	size_t i;

	for (size_t k = 0; k < t->n_total; k++) {
		const void *row = t->ops->row(scene->snapshot, i = t->order[k]);

		if (!table__is_shown(t, row, scene))
			table__leave_out(t, i);
		else
			t->lines[t->n_lines++] = (struct table_line){
				.row = row,
				.id = t->ops->id(row),
				.index = i,
				.is_first = t->ops->is_first && t->ops->is_first(row, scene),
				.parent = TABLE_NO_LINE,
			};
	}
	t->n_matches = t->n_lines;
	table__order(t, t->lines, t->n_lines);
}

static int collect_lines(struct table *t, const struct table_scene *scene)
{
	int r;

	t->n_lines = t->n_matches = t->n_left_out = 0;
	t->n_total = t->ops->n_rows(scene->snapshot);
	r = reserve(t, t->n_total);
	if (r)
		return r;
	for (size_t i = 0; t->n_order != t->n_total && i < t->n_total; i++)
		t->order[i] = i;
	t->n_order = t->n_total;
	if (t->is_tree)
		return table__collect_tree(t, scene);
	collect_list(t, scene);
	return 0;
}

/* Cursor */

static void find_cursor(struct table *t)
{
	if (!t->is_placed) {
		t->cursor = 0;
		return;
	}
	for (size_t i = 0; t->is_following && i < t->n_lines; i++) {
		if (t->lines[i].id == t->cursor_id) {
			t->cursor = i;
			return;
		}
	}
	/* The row is gone, or the cursor does not follow it: the position stays. */
	if (t->cursor >= t->n_lines)
		t->cursor = t->n_lines > 0 ? t->n_lines - 1 : 0;
}

static void do_search(struct table *t, const struct table_scene *scene)
{
	size_t n = t->n_lines, i, at;

	t->is_missed = t->seek != 0;
	if (t->seek == 0)
		return;
	at = t->cursor;
	for (i = 0; i < n; i++) {
		if (i > 0 || !t->is_seek_here)
			at = (at + (t->seek > 0 ? 1 : n - 1)) % n;
		if (row_matches(t, t->lines[at].row, scene, t->search, t->is_search_literal,
				&t->search_regex)) {
			t->cursor = at;
			t->cursor_id = t->lines[at].id;
			t->is_placed = true;
			t->is_missed = false;
			break;
		}
	}
	t->seek = 0;
}

int table__collect(struct table *t, const struct table_scene *scene)
{
	int r = collect_lines(t, scene);

	if (r)
		return r;
	find_cursor(t);
	do_search(t, scene);
	return 0;
}
