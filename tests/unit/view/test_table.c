/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table over rows of a test: the snapshot is only a carrier for the number of rows.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "view/table.h"

struct thing {
	const char *name;
	uint64_t size;
};

static struct thing things[6];

static void render_name(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	(void)scene;
	cell__escape(cell, ((const struct thing *)row)->name);
}

static void render_size(const void *row, const struct table_scene *scene, struct table_cell *cell)
{
	(void)scene;
	cell__count(cell, ((const struct thing *)row)->size);
}

static int compare_name(const void *a, const void *b)
{
	return strcmp(((const struct thing *)a)->name, ((const struct thing *)b)->name);
}

TABLE_COMPARE(compare_size, struct thing, size)

static const struct table_column columns[] = {
	{ "name", "NAME", 'A', 0, 6, 8, TABLE_NAME, true, render_name, compare_name },
	{ "size", "SIZE", 'Z', 1, 5, 5, TABLE_RIGHT, false, render_size, compare_size },
	{ "again", "AGAIN", 0, 2, 5, 5, TABLE_RIGHT, false, render_size, NULL },
};

static size_t n_rows(const struct snapshot *snapshot)
{
	return snapshot->n_rows;
}

static const void *row_at(const struct snapshot *snapshot, size_t i)
{
	(void)snapshot;
	return &things[i];
}

static uint64_t row_id(const void *row)
{
	return table__id(((const struct thing *)row)->name, NULL, 0);
}

static int row_term(const void *row, const char *word, const char *value)
{
	if (strcmp(word, "size") != 0)
		return -1;
	return ((const struct thing *)row)->size == strtoul(value, NULL, 10);
}

static const struct table_ops ops = {
	.columns = columns,
	.n_columns = 3,
	.sort = "size",
	.empty = "Nothing.",
	.n_rows = n_rows,
	.row = row_at,
	.id = row_id,
	.term = row_term,
	.terms = "size",
};

struct bench {
	struct table *table;
	struct canvas *canvas;
	struct snapshot snapshot;
	const struct thing *current;
};

static void bench__done(struct bench *b)
{
	table__free(b->table);
	canvas__free(b->canvas);
}

static void bench__init(struct bench *b, int rows, int width)
{
	static const char *const names[] = { "ant", "bee", "cow", "dog", "elk", "fox" };
	size_t i;

	memset(b, 0, sizeof(*b));
	for (i = 0; i < 6; i++)
		things[i] = (struct thing){ names[i], 10 * (i + 1) };
	b->snapshot.n_rows = 6;
	cr_assert_eq(table__new(&b->table, &ops), 0);
	cr_assert_eq(canvas__new(&b->canvas, rows, width, false), 0);
}

static void bench__draw(struct bench *b)
{
	const struct table_scene scene = { .snapshot = &b->snapshot };
	const void *current;

	canvas__clear(b->canvas);
	cr_assert_eq(table__draw(b->table, &scene, b->canvas, 0, canvas__rows(b->canvas), &current),
		     0);
	b->current = current;
}

static void bench__expect(struct bench *b, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	bench__draw(b);
	cr_assert_eq(canvas__dump(b->canvas, f, false), 0);
	fclose(f);
	cr_expect_str_eq(text, expected, "now:\n%s", text);
}

Test(table, drops_columns_by_priority)
{
	_cleanup_(bench__done) struct bench b;

	bench__init(&b, 2, 30);
	bench__expect(&b, "  NAME     SIZEv AGAIN\n> fox         60    60\n");
	canvas__resize(b.canvas, 2, 19);
	bench__expect(&b, "  NAME     SIZEv\n> fox         60\n");
	canvas__resize(b.canvas, 2, 12);
	bench__expect(&b, "  NAME\n> fox\n");
	/* What was dropped comes when one scrolls to it. */
	canvas__resize(b.canvas, 2, 19);
	table__scroll(b.table, 1);
	bench__expect(&b, "  NAME     AGAIN\n> fox         60\n");
	table__scroll(b.table, 1);
	table__scroll(b.table, -1);
	bench__expect(&b, "  NAME     SIZEv\n> fox         60\n");
	cr_expect_eq(table__columns(b.table, "size,none"), -ENOENT);
	cr_expect_eq(table__columns(b.table, "size"), 0);
	bench__expect(&b, "  SIZEv\n>    60\n");
}

Test(table, cursor_follows_its_row)
{
	_cleanup_(bench__done) struct bench b;

	bench__init(&b, 4, 19);
	bench__draw(&b);
	/* At the top it stays at the top. */
	things[0].size = 99;
	bench__expect(&b,
		      "  NAME     SIZEv\n> ant         99\n  fox         60\n  elk         50\n");
	table__move(b.table, 2);
	bench__draw(&b);
	cr_expect_str_eq(b.current->name, "elk");
	things[4].size = 1;
	bench__expect(&b,
		      "  NAME     SIZEv\n  cow         30\n  bee         20\n> elk          1\n");
	table__sort_key(b.table, 'A');
	bench__draw(&b);
	cr_expect_str_eq(b.current->name, "elk");
	/* The row goes: the place stays; it comes back: the cursor, too. */
	b.snapshot.n_rows = 4;
	bench__draw(&b);
	cr_expect_str_eq(b.current->name, "dog");
	b.snapshot.n_rows = 6;
	bench__draw(&b);
	cr_expect_str_eq(b.current->name, "elk");
	table__follow(b.table, false);
	table__invert(b.table);
	bench__draw(&b);
	cr_expect_str_eq(b.current->name, "bee");
	table__first(b.table);
	bench__draw(&b);
	cr_expect_str_eq(b.current->name, "fox");
}

Test(table, moves_stop_at_the_ends)
{
	_cleanup_(bench__done) struct bench b;

	bench__init(&b, 4, 19);
	table__move(b.table, 3);
	bench__draw(&b);
	cr_expect_str_eq(b.current->name, "fox");
	table__page(b.table, 1, 1);
	table__page(b.table, 1, 1);
	table__page(b.table, 1, 1);
	table__move(b.table, 1);
	bench__draw(&b);
	cr_expect_str_eq(b.current->name, "ant");
	table__move(b.table, -100);
	bench__draw(&b);
	cr_expect_str_eq(b.current->name, "fox");
	table__last(b.table);
	bench__draw(&b);
	cr_expect_str_eq(b.current->name, "ant");
	b.snapshot.n_rows = 0;
	bench__expect(&b, "  NAME     SIZEv\n  Nothing.\n\n\n");
	cr_expect_null(b.current);
	cr_expect_str_eq(table__text(b.table), "");
}

Test(table, sorts)
{
	_cleanup_(bench__done) struct bench b;

	bench__init(&b, 2, 19);
	cr_expect_eq(table__sort(b.table, "again"), -ENOENT);
	cr_expect_eq(table__sort(b.table, "none"), -ENOENT);
	cr_expect_eq(table__sort_key(b.table, 'Q'), -ENOENT);
	cr_expect_eq(table__sort(b.table, "size"), 0);
	bench__expect(&b, "  NAME     SIZE^\n> ant         10\n");
	/* The next column that can be sorted by; both ways round. */
	table__sort_next(b.table, 1);
	bench__expect(&b, "  NAME^     SIZE\n> ant         10\n");
	table__sort_next(b.table, -1);
	cr_expect_str_eq(table__sorted_by(b.table), "size");
	cr_expect(table__click(b.table, 0, 3));
	cr_expect_str_eq(table__sorted_by(b.table), "name");
}

Test(table, searches)
{
	_cleanup_(bench__done) struct bench b;

	bench__init(&b, 7, 19);
	bench__draw(&b);
	cr_expect_eq(table__search(b.table, "("), -EINVAL);
	cr_expect_eq(table__search(b.table, "^[BE]"), 0);
	bench__draw(&b);
	cr_expect_str_eq(b.current->name, "elk");
	table__search_next(b.table, 1);
	bench__draw(&b);
	cr_expect_str_eq(b.current->name, "bee");
	table__search_next(b.table, 1);
	bench__draw(&b);
	cr_expect_str_eq(b.current->name, "elk");
	table__search_next(b.table, -1);
	bench__draw(&b);
	cr_expect_str_eq(b.current->name, "bee");
	cr_expect_not(table__search_missed(b.table));
	table__search(b.table, "60");
	bench__draw(&b);
	cr_expect(table__search_missed(b.table));
	cr_expect_str_eq(b.current->name, "bee");
}

Test(table, filters)
{
	_cleanup_(bench__done) struct bench b;

	bench__init(&b, 4, 19);
	cr_expect_eq(table__filter(b.table, "[ab]"), 0);
	bench__expect(&b, "  NAME     SIZEv\n> bee         20\n  ant         10\n\n");
	cr_expect_eq(table__shown(b.table), 2);
	cr_expect_eq(table__total(b.table), 6);
	cr_expect_eq(table__filter(b.table, "a|b ["), -EINVAL);
	cr_expect_str_eq(table__filter_text(b.table), "[ab]");
	cr_expect_eq(table__filter(b.table, " size:20   e"), 0);
	bench__expect(&b, "  NAME     SIZEv\n> bee         20\n\n\n");
	cr_expect_eq(table__filter(b.table, "size:20 x"), 0);
	bench__expect(&b, "  NAME     SIZEv\n  No row passes the\n\n\n");
	/* A word that is none of this screen's is part of a pattern. */
	things[0].name = "pid:7";
	cr_expect_eq(table__filter(b.table, "pid:7"), 0);
	bench__expect(&b, "  NAME     SIZEv\n> pid:7       10\n\n\n");
	cr_expect_eq(table__filter(b.table, ""), 0);
	bench__draw(&b);
	cr_expect_eq(table__shown(b.table), 6);
}

Test(table, tags_and_copies)
{
	_cleanup_(bench__done) struct bench b;

	bench__init(&b, 4, 19);
	bench__draw(&b);
	cr_expect_str_eq(table__text(b.table), "fox  60  60\n");
	cr_expect(table__click(b.table, 2, 5));
	table__tag(b.table);
	table__last(b.table);
	table__tag(b.table);
	bench__draw(&b);
	cr_expect_str_eq(table__text(b.table), "elk  50  50\nant  10  10\n");
	table__invert(b.table);
	table__first(b.table);
	bench__expect(&b,
		      "  NAME     SIZE^\n>*ant         10\n  bee         20\n  cow         30\n");
	table__untag(b.table);
	bench__draw(&b);
	cr_expect_str_eq(table__text(b.table), "ant  10  10\n");
	cr_expect_not(table__click(b.table, 9, 0));
}

Test(table, cuts_and_escapes)
{
	_cleanup_(bench__done) struct bench b;

	bench__init(&b, 2, 12);
	things[5].name = "\x1b[2J\nlong name";
	/* The end of a name tells it apart from others. */
	bench__expect(&b, "  NAME\n> \\x1b[~me\n");
}
