/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Screens as text: a snapshot and keys in, compared with files of tests/screens. With SCREENS_WRITE=1 in the environment the files
 * are written instead, to be looked at before they are committed.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "view/snapshot.h"

#define SCREENS_DIR "tests/screens/"

struct screen_case {
	const char *name; /* of the file */
	int rows, columns;
	bool is_utf8, is_stuck, has_attrs;
	const char *keys; /* one character each */
};

static const struct screen_case cases[] = {
	{ "coroutines-60x16", 16, 60, true, false, false, "" },
	{ "coroutines-80x24", 24, 80, true, false, true, "" },
	{ "coroutines-120x40", 40, 120, true, false, false, "" },
	{ "coroutines-200x50", 50, 200, true, false, false, "" },
	{ "coroutines-60x16-ascii", 16, 60, false, false, false, "" },
	{ "coroutines-80x24-ascii", 24, 80, false, false, false, "" },
	{ "coroutines-120x40-ascii", 40, 120, false, false, false, "" },
	{ "coroutines-200x50-ascii", 50, 200, false, false, false, "" },
	{ "stuck-60x16", 16, 60, true, true, false, "" },
	{ "stuck-120x40", 40, 120, true, true, true, "" },
	{ "stuck-80x24-ascii", 24, 80, false, true, false, "" },
	{ "stalls-60x16", 16, 60, true, false, false, "2" },
	{ "stalls-80x24", 24, 80, true, false, false, "2" },
	{ "stalls-120x40", 40, 120, true, false, false, "2" },
	{ "stalls-200x50-ascii", 50, 200, false, false, false, "2" },
	{ "stalls-worst-80x24", 24, 80, true, false, false, "2w" },
	{ "search-80x24", 24, 80, true, false, true, "/HAND\n" },
	{ "filter-80x24", 24, 80, true, false, false, "\\cause:sleep fetch\n" },
	{ "filter-none-60x16", 16, 60, true, false, false, "\\pid:1\n" },
	{ "filter-prompt-60x16", 16, 60, true, false, false, "\\cause:sl" },
	{ "tagged-80x24", 24, 80, true, false, true, " j " },
	{ "scrolled-60x16", 16, 60, true, false, false, "lll" },
	{ "sorted-80x24", 24, 80, true, false, false, "CI" },
	{ "paused-80x24", 24, 80, true, false, false, "p" },
	{ "bad-pattern-60x16", 16, 60, true, false, false, "/(\n" },
};

static char *drawn(const struct screen_case *test)
{
	_cleanup_(canvas__freep) struct canvas *c = NULL;
	_cleanup_(view__freep) struct view *v = NULL;
	struct view_fixture f;
	const char *key;
	char *text = NULL;
	size_t size;
	FILE *out;

	fixture_init(&f, test->is_stuck);
	cr_assert_eq(canvas__new(&c, test->rows, test->columns, test->is_utf8), 0);
	cr_assert_eq(view__new(&v, &(struct view_opts){ 0 }), 0);
	view__draw(v, &f.snapshot, &f.status, c);
	for (key = test->keys; *key; key++) {
		view__input(v,
			    &(struct view_event){ .key = *key == '\n' ? (uint32_t)VKEY_ENTER :
									(uint32_t)*key });
		view__draw(v, &f.snapshot, &f.status, c);
	}
	out = open_memstream(&text, &size);
	fputs("SPDX-License-Identifier: BSD-2-Clause\n", out);
	cr_assert_eq(canvas__dump(c, out, test->has_attrs), 0);
	fclose(out);
	return text;
}

static void compare_with_file(const char *path, const char *text)
{
	_cleanup_free_ char *expected = NULL;
	_cleanup_(file_close) FILE *f = NULL;
	size_t size = 0;

	if (getenv("SCREENS_WRITE")) {
		f = fopen(path, "w");
		cr_assert_not_null(f, "%s cannot be written", path);
		fputs(text, f);
		return;
	}
	f = fopen(path, "r");
	cr_assert_not_null(f, "%s is missing", path);
	cr_assert(getdelim(&expected, &size, '\0', f) > 0);
	cr_expect_str_eq(text, expected, "%s: the screen is now\n%s", path, text);
}

Test(screens, look_as_expected)
{
	char path[256];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_free_ char *text = drawn(&cases[i]);

		snprintf(path, sizeof(path), SCREENS_DIR "%s.txt", cases[i].name);
		compare_with_file(path, text);
	}
}

/* Nothing is drawn outside of the canvas, however small it is (the sanitizers watch). */
Test(screens, fit_every_size)
{
	static const char keys[] = "123456?";
	struct view_fixture f;
	int rows, columns;
	const char *key;

	fixture_init(&f, true);
	for (rows = 1; rows <= 60; rows += 7) {
		for (columns = 1; columns <= 220; columns += 13) {
			_cleanup_(canvas__freep) struct canvas *c = NULL;
			_cleanup_(view__freep) struct view *v = NULL;

			cr_assert_eq(canvas__new(&c, rows, columns, true), 0);
			cr_assert_eq(view__new(&v, &(struct view_opts){ 0 }), 0);
			for (key = keys; *key; key++) {
				view__draw(v, &f.snapshot, &f.status, c);
				view__input(v, &(struct view_event){ .key = (uint32_t)*key });
			}
		}
	}
}
