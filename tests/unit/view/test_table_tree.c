/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table as a tree, with parents as a target could make them up.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "view/table_impl.h"

#define MAX_LEAVES 10000
#define NONE SIZE_MAX

static struct leaf {
	char name[16];
	size_t parent, size;
} leaves[MAX_LEAVES];

static size_t compared;

static void render_name(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	(void)scene;
	cell__escape(cell, ((const struct leaf *)row)->name);
}

static void render_size(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	(void)scene;
	cell__printf(cell, "%zu", ((const struct leaf *)row)->size);
}

static int compare_size(const void *a, const void *b)
{
	const struct leaf *x = a, *y = b;

	compared++;
	return (x->size > y->size) - (x->size < y->size);
}

static const struct table_column columns[] = {
	{ "size", "SIZE", 0, 1, 5, 5, TABLE_RIGHT, false, render_size, compare_size },
	{ "name", "NAME", 0, 0, 12, 12, TABLE_LEFT, true, render_name, NULL },
};

static size_t n_rows(const struct snapshot *snapshot)
{
	return snapshot->n_rows;
}

static const void *row_at(const struct snapshot *snapshot, size_t i)
{
	(void)snapshot;
	return &leaves[i];
}

static uint64_t row_id(const void *row)
{
	return (uint64_t)((const struct leaf *)row - leaves) + 1;
}

static size_t row_parent(const struct snapshot *snapshot, size_t i)
{
	(void)snapshot;
	return leaves[i].parent;
}

static const struct table_ops ops = {
	.columns = columns,
	.n_columns = 2,
	.sort = "size",
	.empty = "Nothing.",
	.n_rows = n_rows,
	.row = row_at,
	.id = row_id,
	.parent = row_parent,
	.tree = "family",
};

struct wood {
	struct table *table;
	struct canvas *canvas;
	struct snapshot snapshot;
};

static void wood__done(struct wood *w)
{
	table__free(w->table);
	canvas__free(w->canvas);
}

static void wood__init(struct wood *w, const size_t *parents, size_t n, int rows, bool is_utf8)
{
	size_t i;

	*w = (struct wood){ .snapshot.n_rows = n };
	for (i = 0; i < n; i++) {
		snprintf(leaves[i].name, sizeof(leaves[i].name), "n%zu", i);
		leaves[i].parent = parents ? parents[i] : NONE;
		leaves[i].size = i;
	}
	cr_assert_eq(table__new(&w->table, &ops), 0);
	cr_assert_eq(canvas__new(&w->canvas, rows, 20, is_utf8), 0);
	table__show_tree(w->table, true);
}

static void wood__draw(struct wood *w)
{
	const struct table_scene scene = { .snapshot = &w->snapshot };
	const void *current;

	canvas__clear(w->canvas);
	cr_assert_eq(table__draw(w->table, &scene, w->canvas, 0, canvas__rows(w->canvas), &current),
		     0);
}

static void wood__expect(struct wood *w, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	wood__draw(w);
	cr_assert_eq(canvas__dump(w->canvas, f, false), 0);
	fclose(f);
	cr_expect_str_eq(text, expected, "now:\n%s", text);
}

/* Every row once, below its parent or a cut. */
static void wood__expect_whole(const struct wood *w)
{
	_cleanup_free_ bool *is_seen = calloc(MAX_LEAVES, sizeof(*is_seen));
	size_t i;

	cr_assert_eq(w->table->n_lines, w->snapshot.n_rows);
	for (i = 0; i < w->table->n_lines; i++) {
		const struct table_line *line = &w->table->lines[i];

		cr_assert_not(is_seen[line->index]);
		is_seen[line->index] = true;
		if (line->parent == TABLE_NO_LINE) {
			cr_assert_eq(line->depth, 0);
			continue;
		}
		cr_assert_lt(line->parent, i);
		cr_assert_eq(line->depth, w->table->lines[line->parent].depth + 1);
		cr_assert_eq(leaves[line->index].parent, w->table->lines[line->parent].index);
	}
}

static const size_t family[] = { NONE, 0, 0, 1, 1, NONE };

Test(table_tree, is_drawn_with_branches)
{
	_cleanup_(wood__done) struct wood w;

	wood__init(&w, family, 6, 7, true);
	wood__expect(&w,
		     "  SIZE\u25bc NAME\n"
		     "\u25b8     5 n5\n"
		     "      0 n0\n"
		     "      2 \u251c\u2500n2\n"
		     "      1 \u2514\u2500n1\n"
		     "      4   \u251c\u2500n4\n"
		     "      3   \u2514\u2500n3\n");
	/* Siblings turn round, nobody leaves the parent. */
	table__invert(w.table);
	wood__expect(&w,
		     "  SIZE\u25b2 NAME\n"
		     "\u25b8     0 n0\n"
		     "      1 \u251c\u2500n1\n"
		     "      3 \u2502 \u251c\u2500n3\n"
		     "      4 \u2502 \u2514\u2500n4\n"
		     "      2 \u2514\u2500n2\n"
		     "      5 n5\n");
	table__show_tree(w.table, false);
	wood__draw(&w);
	cr_expect_eq(w.table->lines[1].index, 1);
	cr_expect_eq(w.table->lines[2].index, 2);
}

Test(table_tree, is_drawn_in_ascii)
{
	_cleanup_(wood__done) struct wood w;

	wood__init(&w, family, 5, 6, false);
	table__invert(w.table);
	wood__expect(&w,
		     "  SIZE^ NAME\n"
		     ">     0 n0\n"
		     "      1 |-n1\n"
		     "      3 | |-n3\n"
		     "      4 | `-n4\n"
		     "      2 `-n2\n");
}

Test(table_tree, filter_keeps_ancestors)
{
	_cleanup_(wood__done) struct wood w;
	enum canvas_attr attr;

	wood__init(&w, family, 6, 7, false);
	cr_assert_eq(table__filter(w.table, "n3"), 0);
	wood__expect(&w,
		     "  SIZEv NAME\n"
		     ">     0 n0\n"
		     "      1 `-n1\n"
		     "      3   `-n3\n\n\n\n");
	cr_expect_eq(table__shown(w.table), 1);
	canvas__cell(w.canvas, 2, 10, &attr);
	cr_expect_eq(attr, ATTR_DIM);
	canvas__cell(w.canvas, 3, 12, &attr);
	cr_expect_eq(attr, ATTR_NORMAL);
}

Test(table_tree, cursor_and_tags)
{
	_cleanup_(wood__done) struct wood w;

	wood__init(&w, family, 6, 7, false);
	wood__draw(&w);
	table__move(w.table, 3);
	cr_expect_eq(table__current(w.table), 2);
	table__tag_branch(w.table);
	cr_expect_eq(table__tagged(w.table), 3);
	cr_expect(table__is_tagged(w.table, 2) && table__is_tagged(w.table, 4) &&
		  table__is_tagged(w.table, 5));
	/* It stays on its row when the tree goes. */
	table__show_tree(w.table, false);
	wood__draw(&w);
	cr_expect_eq(table__current(w.table), 2);
	/* Without a tree there is nothing below. */
	table__untag(w.table);
	table__tag_branch(w.table);
	cr_expect_eq(table__tagged(w.table), 1);
}

Test(table_tree, cuts_cycles)
{
	static const size_t cases[][6] = {
		{ 0, 1, 2, 3, 4, 5 }, /* own parents */
		{ 1, 2, 3, 4, 5, 0 }, /* one circle */
		{ 1, 0, 3, 2, 0, 2 }, /* two, with something hanging on them */
		{ 6, 99, NONE - 1, 0, 3, 4 }, /* nobody */
		{ 5, 0, 1, 2, 3, 3 }, /* a way into a circle */
	};
	size_t i, j;

	for (i = 0; i < N_OF(cases); i++) {
		_cleanup_(wood__done) struct wood w;
		size_t roots = 0;

		wood__init(&w, cases[i], 6, 7, false);
		wood__draw(&w);
		wood__expect_whole(&w);
		for (j = 0; j < w.table->n_lines; j++)
			roots += w.table->lines[j].parent == TABLE_NO_LINE;
		cr_expect_eq(roots,
			     i == 0	    ? 6 :
				     i == 1 ? 1 :
				     i == 2 ? 2 :
				     i == 3 ? 3 :
					      1,
			     "case %zu: %zu roots", i, roots);
	}
}

Test(table_tree, deep_chain)
{
	_cleanup_(wood__done) struct wood w;
	_cleanup_free_ size_t *parents = calloc(MAX_LEAVES, sizeof(*parents));
	size_t i;

	for (i = 0; i < MAX_LEAVES; i++)
		parents[i] = i > 0 ? i - 1 : NONE;
	wood__init(&w, parents, MAX_LEAVES, 4, false);
	wood__draw(&w);
	wood__expect_whole(&w);
	table__last(w.table);
	/* What is deep loses what is near the root, not its name. */
	wood__expect(&w,
		     "  SIZEv NAME\n"
		     "   9997 ~   `-n9997\n"
		     "   9998 ~   `-n9998\n"
		     ">  9999 ~   `-n9999\n");
}

/*
 * Sorting is all that is more than once through the rows: no more than n log n comparisons a draw.
 */
Test(table_tree, ten_thousand_rows)
{
	_cleanup_(wood__done) struct wood w;
	size_t i;

	wood__init(&w, NULL, MAX_LEAVES, 50, false);
	srand(1);
	for (i = 0; i < MAX_LEAVES; i++) {
		leaves[i].parent = (size_t)rand() % (2 * MAX_LEAVES);
		leaves[i].size = (size_t)rand();
	}
	compared = 0;
	wood__draw(&w);
	cr_expect_lt(compared, 14 * MAX_LEAVES);
	cr_expect_eq(w.table->n_lines, MAX_LEAVES);
	table__tag_branch(w.table);
	wood__draw(&w);
}
