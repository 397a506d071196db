/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Screens as text: a snapshot and keys in, compared with files of tests/screens (golden.h).
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "view/golden.h"
#include "view/service.h"
#include "view/theme.h"

enum {
	STUCK = 1, /* a loop is stuck at this moment */
	ASCII = 2,
	ATTRS = 4, /* compared, too */
	CUT = 8, /* not all tasks could be read */
	EMPTY = 16, /* nothing was measured so far */
	JUST_ENDED = 32, /* the stall in which it was stuck ended a second ago */
};

struct screen_case {
	const char *name; /* of the file */
	const char *keys; /* one character each; \n is Enter, \b Backspace */
	int rows, columns;
	unsigned int flags;
};

/* Each screen, at each of the sizes below. */
static const struct screen_case screens[] = {
	{ "coroutines", "", 0, 0, 0 },	   { "tasks", "2", 0, 0, 0 },
	{ "stalls", "3", 0, 0, 0 },	   { "victims", "4", 0, 0, 0 },
	{ "sites", "5", 0, 0, 0 },	   { "loops", "6", 0, 0, STUCK },
	{ "flame", "7", 0, 0, 0 },	   { "log", "8", 0, 0, 0 },
	{ "detail", "\n", 0, 0, 0 },	   { "help", "?", 0, 0, 0 },
	{ "findings", "0", 0, 0, 0 },	   { "stuck", "", 0, 0, STUCK },
	{ "detail-task", "2\n", 0, 0, 0 },
};

static const struct screen_case sizes[] = {
	{ "60x16", "", 16, 60, 0 },	      { "80x24", "", 24, 80, ATTRS },
	{ "120x40", "", 40, 120, 0 },	      { "200x50", "", 50, 200, 0 },
	{ "60x16-ascii", "", 16, 60, ASCII }, { "120x40-ascii", "", 40, 120, ASCII },
};

static const struct screen_case cases[] = {
	{ "coroutines-top-120x40", "B", 40, 120, 0 },
	{ "groups-entry-80x24", "gg", 24, 80, 0 },
	{ "groups-route-120x40", "ggg", 40, 120, 0 },
	{ "groups-route-stalls-80x24", "ggg\n", 24, 80, ATTRS },
	{ "groups-process-stalls-120x40", "ggggggg\n", 40, 120, 0 },
	{ "loops-stalls-80x24", "6jj\n", 24, 80, 0 },
	{ "preview-60x60", "", 60, 60, ATTRS },
	{ "preview-hidden-120x40", "v", 40, 120, 0 },
	{ "preview-loop-120x40", "6", 40, 120, 0 },
	{ "groups-file-120x40", "gggg", 40, 120, 0 },
	{ "groups-task-80x24", "ggggg", 24, 80, STUCK },
	{ "groups-test-80x24", "gggggg", 24, 80, 0 },
	{ "groups-process-120x40", "ggggggg", 40, 120, 0 },
	{ "groups-round-80x24", "gggggggg", 24, 80, 0 },
	{ "findings-open-120x40", "0", 40, 120, STUCK },
	{ "findings-detail-80x24", "0\n", 24, 80, 0 },
	{ "findings-loop-80x24", "0jj\n", 24, 80, 0 },
	{ "empty-findings-80x24", "0", 24, 80, EMPTY },
	{ "tasks-cut-80x24", "2", 24, 80, CUT },
	{ "tasks-cut-60x16", "2", 16, 60, CUT },
	{ "tasks-filter-120x40", "2\\state:ready coroutine:fetch_row\n", 40, 120, 0 },
	{ "tasks-tree-80x24", "2t", 24, 80, 0 },
	{ "tasks-tree-120x40-ascii", "2t", 40, 120, ASCII },
	{ "places-60x16", "2g", 16, 60, 0 },
	{ "places-80x24", "2g", 24, 80, ATTRS },
	{ "places-120x40", "2gE", 40, 120, 0 },
	{ "places-200x50", "2g", 50, 200, 0 },
	{ "places-filter-80x24", "2g\\life:deadlock\n", 24, 80, 0 },
	{ "places-back-80x24", "2gg", 24, 80, 0 },
	{ "places-detail-80x24", "2g\n", 24, 80, 0 },
	{ "empty-places-60x16", "2g", 16, 60, EMPTY },
	{ "loops-tree-80x24", "6t", 24, 80, 0 },
	{ "stalls-worst-80x24", "3w", 24, 80, 0 },
	{ "victims-behind-80x24", "4\\behind:render\n", 24, 80, 0 },
	{ "detail-victim-80x24", "jj\n", 24, 80, 0 },
	{ "detail-line-80x24", "5\n", 24, 80, 0 },
	{ "detail-stall-80x24", "3j\n", 24, 80, 0 },
	{ "stalls-open-60x16", "3", 16, 60, STUCK },
	{ "stalls-open-80x24", "3", 24, 80, STUCK | ATTRS },
	{ "stalls-open-120x40", "3w", 40, 120, STUCK },
	{ "stalls-open-120x40-ascii", "3", 40, 120, STUCK | ASCII },
	{ "detail-open-60x16", "3\n", 16, 60, STUCK },
	{ "detail-open-80x24", "3\n", 24, 80, STUCK },
	{ "detail-open-120x40", "\n", 40, 120, STUCK },
	{ "just-ended-80x24", "3", 24, 80, JUST_ENDED | ATTRS },
	{ "just-ended-120x40", "", 40, 120, JUST_ENDED },
	{ "detail-end-60x16", "\nG", 16, 60, 0 },
	{ "detail-end-80x24", "\nG", 24, 80, 0 },
	{ "detail-live-80x24", "\nl", 24, 80, 0 },
	{ "detail-log-60x16", "8jjj\n", 16, 60, 0 },
	{ "flame-cursor-80x24", "7jjl", 24, 80, ATTRS },
	{ "flame-zoom-80x24", "7jj\n", 24, 80, 0 },
	{ "flame-blocked-80x24", "7jj\n\bm", 24, 80, 0 },
	{ "help-end-80x24", "?G", 24, 80, ATTRS },
	{ "search-80x24", "/HAND\n", 24, 80, ATTRS },
	{ "filter-80x24", "\\cause:sleep fetch\n", 24, 80, 0 },
	{ "filter-none-60x16", "\\pid:1\n", 16, 60, 0 },
	{ "filter-term-80x24", "\\bogus:x\n", 24, 80, 0 },
	{ "filter-prompt-60x16", "\\cause:sl", 16, 60, 0 },
	{ "tagged-80x24", " j ", 24, 80, ATTRS },
	{ "scrolled-60x16", "lll", 16, 60, 0 },
	{ "sorted-80x24", "CI", 24, 80, 0 },
	{ "paused-80x24", "p", 24, 80, 0 },
	{ "bad-pattern-60x16", "/(\n", 16, 60, 0 },
	{ "empty-coroutines-80x24", "", 24, 80, EMPTY },
	{ "empty-tasks-60x16", "2", 16, 60, EMPTY },
	{ "empty-stalls-60x16", "3", 16, 60, EMPTY },
	{ "empty-victims-60x16", "4", 16, 60, EMPTY },
	{ "empty-sites-60x16", "5", 16, 60, EMPTY },
	{ "empty-loops-60x16", "6", 16, 60, EMPTY },
	{ "empty-flame-60x16", "7", 16, 60, EMPTY },
	{ "empty-log-60x16", "8", 16, 60, EMPTY },
};

/* What the screens of themes show: as much of what is coloured as there is. */
static const struct screen_case themed[] = {
	{ "60x16", "", 16, 60, STUCK },
	{ "80x24", "3j", 24, 80, STUCK },
	{ "120x40", "", 40, 120, STUCK },
	{ "200x50", "\n", 50, 200, 0 },
};

/* The file of `fetch_row`: one line shorter than is asked for. */
static int read_line(void *ctx, uint32_t pid, const char *file, uint32_t line, char *buf,
		     size_t size)
{
	(void)ctx;
	(void)pid;
	if (strcmp(file, "/srv/app/db.py") || line > 32)
		return -1;
	snprintf(buf, size, line == 31 ? "    time.sleep(RETRY_DELAY)" : "\t\033line \\n %u", line);
	return 0;
}

static uint32_t key_of(char c)
{
	return c == '\n'  ? (uint32_t)VKEY_ENTER :
		c == '\b' ? (uint32_t)VKEY_BACKSPACE :
			    (uint32_t)c;
}

static void end_stall(struct service *s)
{
	struct stall *stall = &s->stalls[0];

	*stall = s->base.live[0];
	stall->end = LS_END_RETURN;
	stall->start_ns -= VIEW_S;
	stall->duration_ns = 1420 * VIEW_MS;
	stall->starved_ns = 14 * stall->duration_ns;
}

/* Esc [ ... m, as ECMA-48 and xterm have it. */
static void put_look(FILE *out, const struct look *look)
{
	fputs("\033[0", out);
	fputs(look->style & LOOK_BOLD ? ";1" : "", out);
	fputs(look->style & LOOK_DIM ? ";2" : "", out);
	fputs(look->style & LOOK_UNDERLINE ? ";4" : "", out);
	fputs(look->style & LOOK_REVERSE ? ";7" : "", out);
	if (look->foreground != LOOK_DEFAULT)
		fprintf(out, ";38;5;%d", look->foreground);
	if (look->background != LOOK_DEFAULT)
		fprintf(out, ";48;5;%d", look->background);
	fputs("m", out);
}

/* As a terminal would get it: `cat` shows it. */
static void put_colored(FILE *out, const struct canvas *c, enum palette palette)
{
	enum canvas_attr attr, last;

	for (int row = 0; row < canvas__rows(c); row++) {
		for (int column = 0; column < canvas__columns(c); column++) {
			const char *cell = canvas__cell(c, row, column, &attr);

			if (column == 0 || attr != last)
				put_look(out, palette_look(palette, attr));
			last = attr;
			fputs(cell, out);
		}
		fputs("\033[0m\n", out);
	}
}

/* `palette`: PALETTE_MAX for text without colours. */
static char *drawn(const struct screen_case *test, enum palette palette)
{
	_cleanup_(canvas__freep) struct canvas *c = NULL;
	_cleanup_(view__freep) struct view *v = NULL;
	static const struct snapshot nothing;
	static struct service s;
	const char *key;
	char *text = NULL;
	size_t size;
	FILE *out;

	service_init(&s, test->flags & STUCK);
	s.base.status.source_line = read_line;
	if (test->flags & JUST_ENDED)
		end_stall(&s);
	if (test->flags & CUT)
		s.base.snapshot.tasks_alive = 12000;
	if (test->flags & EMPTY)
		s.base.snapshot = nothing;
	cr_assert_eq(canvas__new(&c, test->rows, test->columns, !(test->flags & ASCII)), 0);
	cr_assert_eq(view__new(&v, &(struct view_opts){ 0 }), 0);
	view__draw(v, &s.base.snapshot, &s.base.status, c);
	for (key = test->keys; *key; key++) {
		view__input(v, &(struct view_event){ .key = key_of(*key) });
		view__draw(v, &s.base.snapshot, &s.base.status, c);
	}
	out = open_memstream(&text, &size);
	fputs("SPDX-License-Identifier: BSD-2-Clause\n", out);
	if (palette < PALETTE_MAX)
		put_colored(out, c, palette);
	else
		cr_assert_eq(canvas__dump(c, out, test->flags & ATTRS), 0);
	fclose(out);
	return text;
}

static void check(const struct screen_case *test)
{
	_cleanup_free_ char *text = drawn(test, PALETTE_MAX);
	char path[256];

	snprintf(path, sizeof(path), SCREENS_DIR "%s.txt", test->name);
	compare_with_file(path, text);
}

Test(screens, look_as_expected_at_every_size)
{
	size_t i, k;

	for (i = 0; i < N_OF(screens); i++) {
		for (k = 0; k < N_OF(sizes); k++) {
			struct screen_case test = sizes[k];
			char name[64];

			snprintf(name, sizeof(name), "%s-%s", screens[i].name, sizes[k].name);
			test.name = name;
			test.keys = screens[i].keys;
			test.flags |= screens[i].flags;
			check(&test);
		}
	}
}

Test(screens, look_as_expected_in_every_theme)
{
	static const char *const words[] = {
#define _(name, word) [PALETTE_##name] = word,
		PALETTES(_)
#undef _
	};

	for (enum palette palette = 0; palette < PALETTE_MAX; palette++) {
		for (size_t i = 0; i < N_OF(themed); i++) {
			_cleanup_free_ char *text = drawn(&themed[i], palette);
			char path[256];

			snprintf(path, sizeof(path), SCREENS_DIR "theme-%s-%s.ansi", words[palette],
				 themed[i].name);
			compare_with_file(path, text);
		}
	}
}

Test(screens, look_as_expected_after_keys)
{
	size_t i;

	for (i = 0; i < N_OF(cases); i++)
		check(&cases[i]);
}

/* Nothing is drawn outside of the canvas, however small it is (the sanitizers watch). */
Test(screens, fit_every_size)
{
	static const char keys[] = "1234567890v?";
	static struct service s;
	int rows, columns;
	const char *key;

	service_init(&s, true);
	for (rows = 1; rows <= 60; rows += 7) {
		for (columns = 1; columns <= 220; columns += 13) {
			_cleanup_(canvas__freep) struct canvas *c = NULL;
			_cleanup_(view__freep) struct view *v = NULL;

			cr_assert_eq(canvas__new(&c, rows, columns, true), 0);
			cr_assert_eq(view__new(&v, &(struct view_opts){ 0 }), 0);
			for (key = keys; *key; key++) {
				view__draw(v, &s.base.snapshot, &s.base.status, c);
				view__input(v, &(struct view_event){ .key = (uint32_t)*key });
				view__draw(v, &s.base.snapshot, &s.base.status, c);
				view__input(v, &(struct view_event){ .key = VKEY_ENTER });
				view__draw(v, &s.base.snapshot, &s.base.status, c);
			}
		}
	}
}
