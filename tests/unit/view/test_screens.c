/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Screens as text: a snapshot and keys in, compared with files of tests/screens. With
 * SCREENS_WRITE=1 in the environment the files are written instead, to be looked at before they are
 * committed.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "view/service.h"

#define SCREENS_DIR "tests/screens/"

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
	{ "groups-file-120x40", "ggg", 40, 120, 0 },
	{ "groups-task-80x24", "gggg", 24, 80, STUCK },
	{ "groups-process-120x40", "ggggg", 40, 120, 0 },
	{ "groups-round-80x24", "gggggg", 24, 80, 0 },
	{ "findings-open-120x40", "0", 40, 120, STUCK },
	{ "findings-detail-80x24", "0\n", 24, 80, 0 },
	{ "findings-loop-80x24", "0jj\n", 24, 80, 0 },
	{ "empty-findings-80x24", "0", 24, 80, EMPTY },
	{ "tasks-cut-80x24", "2", 24, 80, CUT },
	{ "tasks-cut-60x16", "2", 16, 60, CUT },
	{ "tasks-filter-120x40", "2\\state:ready coroutine:fetch_row\n", 40, 120, 0 },
	{ "tasks-tree-80x24", "2t", 24, 80, 0 },
	{ "tasks-tree-120x40-ascii", "2t", 40, 120, ASCII },
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

static char *drawn(const struct screen_case *test)
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
	cr_assert_eq(canvas__dump(c, out, test->flags & ATTRS), 0);
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

static void check(const struct screen_case *test)
{
	_cleanup_free_ char *text = drawn(test);
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

Test(screens, look_as_expected_after_keys)
{
	size_t i;

	for (i = 0; i < N_OF(cases); i++)
		check(&cases[i]);
}

/* Nothing is drawn outside of the canvas, however small it is (the sanitizers watch). */
Test(screens, fit_every_size)
{
	static const char keys[] = "12345678?";
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
