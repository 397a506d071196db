/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The summary for people: its sums, its table, and what it says where something is not known.
 */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>

#include "base/time.h"
#include "report/format.h"
#include "report/stalls.h"

Test(text_summary, summary)
{
	const struct report_opts opts = { .mode = "exact" };
	struct snapshot snap = snapshot_make();
	char *text = summary_text("text", &snap, &report_run_example, &opts);

	cr_assert_str_eq(
		text,
		"20413 steps in 10.0 s, 12 stalls, tasks starved for 700 ms\n"
		"loop: 4.21 s in steps, 120 ms in callbacks, 5.62 s waiting, 1234 turns\n"
		"413 steps whose coroutine is not known\n"
		"\n"
		"   STEPS    TOTAL      P50      P99      MAX  STALLS CPU/BLK/GIL/RUN  STARVED  "
		"WHERE\n"
		"   20000   4.00 s  12.3 us  2.50 ms  50.3 ms      12      20/70/10/0   700 ms  "
		"handler() app/web.py:10\n"
		"     413   210 ms      0 s      0 s      0 s       0               -      0 s  "
		"(other)\n"
		"\n"
		"own cost: 7.32% of a core: programs 0.90%, traps 6.00% (60826 hits of 870 ns), "
		"loopstall itself 0.42%, 23.1 MiB\n"
		"lost: 12 stacks cut: deeper than the frame limit (stack_truncated)\n",
		"\n%s", text);
	free(text);
}

Test(text_summary, a_cost_that_is_not_known_is_told_as_such)
{
	const struct report_opts opts = { .mode = "exact" };
	struct snapshot snap = snapshot_make();
	struct report_run run = report_run_example;
	char *text;

	run.own_cost.has_traps = false;
	text = summary_text("text", &snap, &run, &opts);
	cr_expect_not_null(
		strstr(text,
		       "\nown cost: 1.32% of a core: programs 0.90%, traps not known (60826 hits), "
		       "loopstall itself 0.42%, "),
		"\n%s", text);
	free(text);
	run.own_cost.has_programs = false;
	text = summary_text("text", &snap, &run, &opts);
	cr_expect_not_null(strstr(text,
				  "\nown cost: 0.42% of a core for loopstall itself, 23.1 MiB\n"),
			   "\n%s", text);
	free(text);
}

Test(text_summary, summary_on_a_narrow_terminal_drops_columns)
{
	struct report_opts opts = { .mode = "exact", .width = 60 };
	struct snapshot snap = snapshot_make();
	char *text = summary_text("text", &snap, &report_run_example, &opts);

	cr_assert_not_null(strstr(text,
				  "   STEPS      MAX  STALLS  STARVED  WHERE\n"
				  "   20000  50.3 ms      12   700 ms  handler() app/web.py:10\n"),
			   "\n%s", text);
	free(text);
}

Test(text_summary, table_is_never_wider_than_the_terminal)
{
	struct snapshot snap = snapshot_make();
	unsigned int width;

	report_rows[0].coroutine.name = "Application.startup.<locals>.middleware.<locals>.wrapper";
	for (width = 60; width < 160; width++) {
		const struct report_opts opts = { .mode = "exact", .width = width };
		char *text = summary_text("text", &snap, &report_run_example, &opts);
		char *line = strstr(text, "   STEPS"), *end;

		for (; line && *line != '\n'; line = end + 1) {
			end = strchr(line, '\n');
			*end = '\0';
			cr_assert_leq(format__columns(line), width, "%u: %s", width, line);
			cr_assert(!strstr(line, "Appli") || strstr(line, "web.py:10"),
				  "the place is left of a long name: %s", line);
		}
		free(text);
	}
}

Test(text_summary, own_cost_is_broken_between_words)
{
	const struct report_opts opts = { .mode = "exact", .width = 60 };
	struct snapshot snap = snapshot_make();
	char *text = summary_text("text", &snap, &report_run_example, &opts);
	char *line = strstr(text, "own cost:"), *end;

	cr_assert_not_null(line);
	cr_expect_not_null(strstr(line, "loopstall itself"));
	for (int i = 0; i < 2; i++, line = end + 1) {
		end = strchr(line, '\n');
		*end = '\0';
		cr_assert_leq(format__columns(line), 60, "%s", line);
	}
	free(text);
}

Test(text_summary, summary_limits_its_rows_and_says_so)
{
	const struct report_opts opts = { .mode = "exact", .max_rows = 1 };
	struct snapshot snap = snapshot_make();
	char *text = summary_text("text", &snap, &report_run_example, &opts);

	cr_assert_not_null(strstr(text, "handler()"));
	cr_assert_null(strstr(text, "(other)"));
	cr_assert_not_null(strstr(text, "... and 1 more\n"));
	free(text);
}

Test(text_summary, nothing_seen_is_explained)
{
	const struct report_opts opts = { .mode = "exact" };
	const struct snapshot snap = { 0 };
	struct report_run run = { .duration_ns = 3000 * MS, .no_steps_reason = "no loop\033 ran" };
	char *text = summary_text("text", &snap, &run, &opts);

	cr_assert_not_null(strstr(text, "0 steps in 3.00 s"), "%s", text);
	cr_assert_not_null(strstr(text, "0 steps seen because no loop\\x1b ran\n"), "%s", text);
	free(text);
	run.no_steps_reason = NULL;
	text = summary_text("text", &snap, &run, &opts);
	cr_assert_not_null(strstr(text, "0 steps seen because no task ran in that time\n"));
	free(text);
}

Test(text_summary, start)
{
	const struct report_target targets[] = {
		{ 4242, "python3", "3.11.2", "uvloop", "entry", 0, "/system.slice/app.service", 0,
		  NULL },
		{ 4243, "a\nb", "3.8.18", NULL, "symbol", 7, "/x/docker-0123456789abcdef0123.scope",
		  0, NULL },
	};
	const struct report_start start = { "0.1", 10 * MS, 1 * MS, "uprobe_multi",
					    2,	   targets, NULL,   NULL };
	const struct report_opts opts = { .mode = "exact" };
	char *text = start_text("text", &start, &opts);

	cr_assert_str_eq(text,
			 "watching 4242 python3: CPython 3.11.2, uvloop, rung entry\n"
			 "watching 4243 a\\nb: CPython 3.8.18, no event loop yet, rung symbol, "
			 "container docker-0123456789ab, pid 7 there\n"
			 "stalls of 10.0 ms and longer, exact mode, uprobe_multi, "
			 "sampled every 1.00 ms\n");
	free(text);
}

Test(text_summary, stalls_without_a_line_are_counted)
{
	struct report_opts opts = { .mode = "exact" };
	char *text = shed_text("text", 7812, &opts);

	cr_assert_str_eq(text,
			 "... 7812 more stalls in 1.00 s: counted, but too many for a line each\n",
			 "%s", text);
	free(text);
	opts.width = 60;
	text = shed_text("text", 1, &opts);
	cr_assert(!strncmp(text, "... 1 more stall in 1.00 s: counted", 35), "%s", text);
	cr_assert_leq(strlen(text), 61, "%s", text);
	free(text);
	/* A table has no room for it. */
	text = shed_text("csv-stalls", 7, &opts);
	cr_assert_str_empty(text);
	free(text);
}

Test(text_summary, failed_write_comes_back)
{
	struct stall s;
	FILE *out = fopen("/dev/full", "w");

	cr_assert_not_null(out);
	stall_init(&s);
	cr_assert_eq(stall_error("text", out, &s), -ENOSPC);
	fclose(out);
}

/* Light mode: the number of steps is scaled up, and the 99th percentile is not known. */
Test(text_summary, steps_that_were_not_counted_are_estimates)
{
	const struct report_opts opts = { .mode = "auto" };
	struct snapshot s = snapshot_make();
	char *text;

	report_rows[0].steps = 40;
	report_rows[0].stalls = 30;
	s.exact_cpu_ns = 100 * MS;
	s.light_cpu_ns = 900 * MS;
	cr_assert_eq(groups__rows(&report_groups, &s), 0);
	text = summary_text("text", &s, &report_run_example, &opts);
	cr_expect_not_null(strstr(text, "    ~400        - ~12.3 us        -"), "%s", text);
	cr_expect_null(strstr(text, " 40  "), "%s", text);
	free(text);
}
