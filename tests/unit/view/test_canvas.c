/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a canvas does with text that is too long, too wide, or no text.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "view/canvas.h"

static struct canvas *canvas_make(int rows, int columns, bool is_utf8)
{
	struct canvas *c = NULL;

	cr_assert_eq(canvas__new(&c, rows, columns, is_utf8), 0);
	return c;
}

static void expect_dump(const struct canvas *c, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	cr_assert_eq(canvas__dump(c, f, false), 0);
	fclose(f);
	cr_expect_str_eq(text, expected);
}

Test(canvas, clips_to_its_edges)
{
	_cleanup_(canvas__freep) struct canvas *c = canvas_make(2, 5, true);

	cr_expect_eq(canvas__text(c, 0, 3, 100, ATTR_NORMAL, "abcdef"), 2);
	cr_expect_eq(canvas__text(c, 1, 0, 2, ATTR_NORMAL, "abcdef"), 2);
	cr_expect_eq(canvas__text(c, 2, 0, 5, ATTR_NORMAL, "below"), 0);
	cr_expect_eq(canvas__text(c, 0, -1, 5, ATTR_NORMAL, "left"), 0);
	cr_expect_eq(canvas__text(c, 0, 5, 5, ATTR_NORMAL, "right"), 0);
	expect_dump(c, "   ab\nab\n");
}

Test(canvas, keeps_wide_characters_whole)
{
	_cleanup_(canvas__freep) struct canvas *c = canvas_make(3, 5, true);
	enum canvas_attr attr;

	cr_expect_eq(canvas__text(c, 0, 0, 5, ATTR_BOLD, "\u7f51\u7edc\u7edc"), 4);
	cr_expect_str_eq(canvas__cell(c, 0, 0, &attr), "\u7f51");
	cr_expect_str_eq(canvas__cell(c, 0, 1, &attr), "");
	cr_expect_eq(attr, ATTR_BOLD);
	/* Half of a wide one written over: the other half goes, too. */
	canvas__text(c, 0, 1, 1, ATTR_NORMAL, "x");
	canvas__text(c, 0, 2, 1, ATTR_NORMAL, "y");
	/* Marks that combine take no cell, and none gets more than it can hold. */
	cr_expect_eq(
		canvas__text(c, 1, 0, 5, ATTR_NORMAL, "e\u0301\u0301\u0301\u0301\u0301\u0301f"), 2);
	cr_expect_eq(canvas__text(c, 2, 0, 5, ATTR_NORMAL, "\u0301a"), 1);
	expect_dump(c, " xy\ne\u0301\u0301\u0301\u0301f\na\n");
	cr_expect_eq(text_columns("a\u7f51e\u0301"), 4);
}

Test(canvas, has_no_control_characters)
{
	_cleanup_(canvas__freep) struct canvas *c = canvas_make(1, 20, true);

	canvas__text(c, 0, 0, 20, ATTR_NORMAL, "a\x1b[2J\n\xff\xc2\x9b");
	expect_dump(c, "a\ufffd[2J\ufffd\ufffd\ufffd\n");
}

Test(canvas, falls_back_to_ascii)
{
	_cleanup_(canvas__freep) struct canvas *c = canvas_make(4, 8, false);
	const double values[] = { 0, 0.001, 0.5, 1, 7 };

	canvas__text(c, 0, 0, 8, ATTR_NORMAL, "a\u00e9\u7f51e\u0301");
	canvas__hline(c, 1, 0, 3, ATTR_DIM);
	canvas__bar(c, 2, 0, 8, ATTR_CPU, 1, 2);
	canvas__sparkline(c, 3, 0, 8, ATTR_CPU, values, 5, 1);
	expect_dump(c, "a???e\n---\n####\n    .=##\n");
}

Test(canvas, draws_bars_in_eighths)
{
	_cleanup_(canvas__freep) struct canvas *c = canvas_make(3, 4, true);
	const double values[] = { 9, 9, 0, 0.001, 0.5, 1 };

	canvas__bar(c, 0, 0, 4, ATTR_CPU, 3, 8);
	canvas__bar(c, 1, 0, 4, ATTR_CPU, 9, 8);
	canvas__sparkline(c, 2, 0, 4, ATTR_CPU, values, 6, 1);
	expect_dump(c, "\u2588\u258c\n\u2588\u2588\u2588\u2588\n \u2581\u2584\u2588\n");
}

Test(canvas, aligns_and_paints)
{
	_cleanup_(canvas__freep) struct canvas *c = canvas_make(1, 6, true);
	enum canvas_attr attr;

	canvas__right(c, 0, 0, 6, ATTR_NORMAL, "ab");
	canvas__paint(c, 0, 4, 100, ATTR_MATCH);
	canvas__cell(c, 0, 5, &attr);
	cr_expect_eq(attr, ATTR_MATCH);
	expect_dump(c, "    ab\n");
	cr_expect_eq(canvas__resize(c, 0, 5), -EINVAL);
	cr_expect_eq(canvas__resize(c, 2, 3), 0);
	expect_dump(c, "\n\n");
}

static const char *cut(int width, const char *text, bool is_within)
{
	static char line[256];
	_cleanup_(canvas__freep) struct canvas *c = NULL;
	enum canvas_attr attr;
	int used;

	cr_assert_eq(canvas__new(&c, 1, 40, true), 0);
	used = canvas__cut(c, 0, 0, width, ATTR_NORMAL, text, is_within);
	cr_expect_leq(used, width > 0 ? width : 0);
	line[0] = '\0';
	for (int i = 0; i < used; i++)
		strcat(line, canvas__cell(c, 0, i, &attr));
	return line;
}

Test(canvas, cuts_names_where_they_do_not_differ)
{
	cr_expect_str_eq(cut(16, "customer-session-00017", true), "customer-s\u202600017");
	cr_expect_str_eq(cut(16, "customer-session-00017", false), "customer-sessio\u2026");
	cr_expect_str_eq(cut(16, "service.py:46", true), "service.py:46");
	cr_expect_str_eq(cut(9, "\u7f51\u7f51\u7f51\u7f51\u7f51\u7f51", true),
			 "\u7f51\u7f51\u2026\u7f51");
	cr_expect_str_eq(cut(1, "name", true), "\u2026");
	cr_expect_str_eq(cut(0, "name", true), "");
}

/* Each terminal draws these in its own width: all others have to stay in their columns. */
Test(canvas, characters_without_a_width_of_their_own_are_left_out)
{
	/* a family joined by U+200D, a skin tone, a variant selector, marks of direction */
	cr_expect_str_eq(cut(20, "\U0001f469\u200d\U0001f466x", true), "\U0001f469\U0001f466x");
	cr_expect_str_eq(cut(20, "\U0001f44d\U0001f3fdx", true), "\U0001f44dx");
	cr_expect_str_eq(cut(20, "\u2764\ufe0fx\u200e\u2067y\u00adz\ufeff", true), "\u2764xyz");
	cr_expect_eq(text_columns("\U0001f469\u200d\U0001f466"), 4);
	/* What is drawn over the letter before stays. */
	cr_expect_str_eq(cut(20, "e\u0301x", true), "e\u0301x");
}
