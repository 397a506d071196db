/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of event loops to choose from: what it shows, and whom it hands out.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/time.h"
#include "view/chooser.h"
#include "view/golden.h"

static struct choice rows[] = {
	{ .pid = 4242,
	  .user = "www-data",
	  .version = "3.11.2",
	  .kinds = "uvloop",
	  .command = "/usr/bin/python3 /usr/bin/uvicorn app:api --workers 4",
	  .n_loops = 1,
	  .n_tasks = 312,
	  .is_busy_known = true,
	  .busy = 0.72 },
	{ .pid = 4243,
	  .user = "\033[31mred",
	  .version = "3.13.0",
	  .kinds = "asyncio+uvloop",
	  .command = "python3 /srv/\xe7\xbd\x91/worker.py",
	  .n_loops = 3,
	  .n_tasks = -1,
	  .is_busy_known = false },
	{ .pid = 977,
	  .user = "root",
	  .version = "3.14.1",
	  .kinds = "asyncio",
	  .command = "/opt/venv/bin/python -m service",
	  .n_loops = 1,
	  .n_tasks = 12000,
	  .is_busy_known = true,
	  .busy = 1,
	  .stuck_ns = 6 * NS_PER_S,
	  .stuck_in = "futex" },
};

static struct choices choices = { N_OF(rows), rows, 2 };
static struct chooser *chooser;
static struct canvas *canvas;

static void begin(void)
{
	cr_assert_eq(chooser__new(&chooser), 0);
	cr_assert_eq(canvas__new(&canvas, 16, 80, true), 0);
	cr_assert_eq(chooser__draw(chooser, &choices, canvas), 0);
}

static void end(void)
{
	chooser__free(chooser);
	canvas__free(canvas);
}

TestSuite(chooser, .init = begin, .fini = end);

static enum chooser_request key(uint32_t code)
{
	const enum chooser_request request =
		chooser__input(chooser, &(struct view_event){ .key = code });

	cr_assert_eq(chooser__draw(chooser, &choices, canvas), 0);
	return request;
}

static void expect_chosen(pid_t one, pid_t other)
{
	pid_t pids[4] = { 0 };
	const size_t n = chooser__chosen(chooser, &choices, pids, N_OF(pids));

	cr_expect_eq(n, other ? 2 : 1);
	cr_expect_eq(pids[0], one);
	cr_expect_eq(pids[1], other);
}

static void compare(const char *name)
{
	_cleanup_free_ char *text = NULL;
	char path[128];
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fputs("SPDX-License-Identifier: BSD-2-Clause\n", out);
	cr_assert_eq(chooser__draw(chooser, &choices, canvas), 0);
	cr_assert_eq(canvas__dump(canvas, out, true), 0);
	fclose(out);
	snprintf(path, sizeof(path), SCREENS_DIR "chooser-%s.txt", name);
	compare_with_file(path, text);
}

Test(chooser, looks_as_expected_at_every_size)
{
	static const struct {
		const char *name;
		int n_rows, n_columns;
	} sizes[] = {
		{ "60x16", 16, 60 },
		{ "80x24", 24, 80 },
		{ "120x40", 40, 120 },
		{ "200x50", 50, 200 },
	};

	for (size_t i = 0; i < N_OF(sizes); i++) {
		cr_assert_eq(canvas__resize(canvas, sizes[i].n_rows, sizes[i].n_columns), 0);
		compare(sizes[i].name);
	}
	choices.n = 0;
	cr_assert_eq(canvas__resize(canvas, 16, 60), 0);
	compare("empty-60x16");
	for (int i = 1; i < 8; i++) {
		cr_assert_eq(canvas__resize(canvas, i, i * 3), 0);
		cr_expect_eq(chooser__draw(chooser, &choices, canvas), 0);
	}
}

Test(chooser, enter_takes_the_row_under_the_cursor)
{
	/* The stuck one is first. */
	expect_chosen(977, 0);
	cr_expect_eq(key('j'), CHOOSER_REDRAW);
	cr_expect_eq(key(VKEY_ENTER), CHOOSER_CHOSEN);
	expect_chosen(4242, 0);
}

/* Rows come and change their places while one looks. */
Test(chooser, the_cursor_stays_on_its_process)
{
	key('j');
	rows[2].stuck_ns = 0;
	rows[1].stuck_ns = NS_PER_S;
	cr_assert_eq(chooser__draw(chooser, &choices, canvas), 0);
	expect_chosen(4242, 0);
	key('>');
	expect_chosen(4242, 0);
}

Test(chooser, tagged_ones_are_taken_together)
{
	key(' ');
	key(' ');
	expect_chosen(4242, 977);
	/* One that has ended meanwhile is not. */
	choices.list = rows + 1;
	choices.n = 2;
	cr_assert_eq(chooser__draw(chooser, &choices, canvas), 0);
	expect_chosen(977, 0);
}

Test(chooser, keys)
{
	cr_expect_eq(key('q'), CHOOSER_QUIT);
	cr_expect_eq(key(VKEY_ESCAPE), CHOOSER_QUIT);
	cr_expect_eq(key(VKEY_BACKSPACE), CHOOSER_QUIT);
	cr_expect_eq(key(3), CHOOSER_QUIT);
	cr_expect_eq(key(26), CHOOSER_SUSPEND);
	cr_expect_eq(key('?'), CHOOSER_NOTHING);
	cr_expect_eq(chooser__input(chooser, &(struct view_event){ .key = 'q', .is_pasted = true }),
		     CHOOSER_NOTHING);
	choices.n = 0;
	cr_assert_eq(chooser__draw(chooser, &choices, canvas), 0);
	cr_expect_eq(key(VKEY_ENTER), CHOOSER_NOTHING);
}

Test(chooser, the_second_click_on_a_row_chooses_it)
{
	const struct view_event click = { .key = VKEY_MOUSE, .row = 5, .column = 20 };

	cr_expect_eq(chooser__input(chooser, &click), CHOOSER_REDRAW);
	expect_chosen(4242, 0);
	cr_expect_eq(chooser__input(chooser, &click), CHOOSER_CHOSEN);
}
