/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stalls that did not end by themselves, in Markdown: named above everything else.
 */
#include "report/stalls.h"

static char *written(size_t n, enum ls_end end)
{
	const struct report_opts opts = { .mode = "exact" };
	const struct report_run run = { .duration_ns = 6000 * MS };
	const struct snapshot snapshot = { .stalls = n };
	struct report_text t;
	struct stall s;

	stall_init(&s);
	s.end = end;
	s.end_signal = 9;
	report_text_init(&t, "markdown", &opts);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(report__stall(t.report, &s), 0);
	cr_assert_eq(report__finish(t.report, &snapshot, &run), 0);
	return report_text_end(&t);
}

static void check_shows(size_t n, enum ls_end end, const char *expected)
{
	char *text = written(n, end);

	cr_assert_not_null(strstr(text, expected), "no '%s' in\n%s", expected, text);
	free(text);
}

Test(markdown, stall_that_goes_on_is_named)
{
	check_shows(1, LS_END_RUNNING, "**1 stall**");
	check_shows(1, LS_END_RUNNING, "the longest 50.3 ms");
	check_shows(
		1, LS_END_RUNNING,
		"| not ended | at | cause | lasted |\n|---|---|---|--:|\n"
		"| **still open at the end** | `fetch_row` `app/db.py:31` | sleep | 50.3 ms |\n");
	check_shows(12, LS_END_SIGNAL, "| **killed by SIGKILL** |");
	check_shows(12, LS_END_SIGNAL, "... and 2 more.");
}

Test(markdown, ordinary_stall_is_in_no_such_list)
{
	char *text = written(1, LS_END_RETURN);

	cr_assert_null(strstr(text, "not ended"), "%s", text);
	free(text);
	text = written(1, LS_END_OPEN);
	cr_assert_null(strstr(text, "not ended"), "an interim record: %s", text);
	free(text);
}
