/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text report: lines that are folded, and the findings that its summary begins with.
 */
#include <stdlib.h>

#include "model/finding_sums.h"
#include "report/stalls.h"

/* What the report has written so far; the next call starts after it. */
static const char *written_since(struct report_text *t, size_t *at)
{
	const char *text;

	fflush(t->out);
	text = t->text + *at;
	*at = t->size;
	return text;
}

static void send(struct report_text *t, struct stall *s, uint64_t start_ms, uint64_t ms)
{
	s->start_ns = start_ms * MS;
	s->duration_ns = ms * MS;
	cr_assert_eq(report__stall(t->report, s), 0);
}

#define PLACE "app/db.py:31 in fetch_row: time.sleep          "

Test(text_findings, lines_that_say_the_same_are_folded)
{
	const struct report_opts opts = { .mode = "exact" };
	struct report_text t;
	struct stall s, other;
	size_t at = 0;

	stall_init(&s);
	stall_init(&other);
	other.own.line = 90;
	report_text_init(&t, "text", &opts);
	send(&t, &s, 1000, 20);
	cr_expect_str_eq(written_since(&t, &at),
			 "4242    step      20.0 ms  sleep     Task-7 handler()           " PLACE
			 " starved 14 tasks\n",
			 "the first one at once");
	send(&t, &s, 1100, 19);
	send(&t, &s, 2000, 31);
	strcpy(s.task_name, "Task-8");
	send(&t, &s, 4000, 25);
	cr_expect_str_eq(written_since(&t, &at), "");
	/* Another line is another kind, and news. */
	send(&t, &other, 4100, 12);
	cr_expect_not_null(strstr(written_since(&t, &at), "12.0 ms  sleep"));
	cr_assert_eq(report__tick(t.report, 5200 * MS), 0);
	cr_expect_str_eq(written_since(&t, &at),
			 "4242    step      31.0 ms  sleep     handler()                  " PLACE
			 " \u00d73 in 3 s, 19.0-31.0 ms\n");
	/* A single one is written as it is. */
	send(&t, &s, 5300, 22);
	cr_assert_eq(report__tick(t.report, 9400 * MS), 0);
	cr_expect_not_null(strstr(written_since(&t, &at), "Task-8 handler()"));
	/* After a pause it is news again. */
	send(&t, &s, 20000, 23);
	cr_expect_not_null(strstr(written_since(&t, &at), "23.0 ms  sleep     Task-8"));
	report__free(t.report);
	fclose(t.out);
	free(t.text);
}

Test(text_findings, what_was_folded_is_written_at_the_end)
{
	const struct report_opts opts = { .mode = "exact" };
	const struct snapshot snap = { 0 };
	const struct report_run run = { .duration_ns = 1000 * MS };
	struct report_text t;
	struct stall s;
	char *text;

	stall_init(&s);
	report_text_init(&t, "text", &opts);
	send(&t, &s, 1000, 20);
	send(&t, &s, 1100, 30);
	send(&t, &s, 1200, 30);
	/* One that did not end by itself is never folded. */
	s.end = LS_END_RUNNING;
	send(&t, &s, 1300, 99);
	cr_assert_eq(report__finish(t.report, &snap, &run), 0);
	text = report_text_end(&t);
	cr_expect_not_null(strstr(text, "99.0 ms  sleep"), "%s", text);
	cr_expect_not_null(strstr(text, "\u00d72 in 1 s, 30.0 ms\n0 steps"), "%s", text);
	free(text);
}

Test(text_findings, verbose_folds_nothing)
{
	const struct report_opts opts = { .mode = "exact", .is_unfolded = true };
	struct report_text t;
	struct stall s;
	char *text;

	stall_init(&s);
	report_text_init(&t, "text", &opts);
	for (int i = 0; i < 5; i++)
		send(&t, &s, 1000 + 100 * i, 20);
	text = report_text_end(&t);
	cr_expect_null(strstr(text, "\u00d7"));
	for (int i = 0; i < 5; i++) {
		char *line = strstr(text, "20.0 ms");

		cr_assert_not_null(line);
		line[0] = ' ';
	}
	free(text);
}

Test(text_findings, findings_come_first)
{
	const struct report_opts opts = { .mode = "exact", .width = 72 };
	struct finding_sums sums = { 0 };
	struct groups groups = { 0 };
	struct snapshot snap = { .stalls = 2, .starved_ns = 1400 * MS, .watched_ns = 5000 * MS };
	char *text;
	struct stall s;

	stall_init(&s);
	s.entry_def_line = 10;
	s.is_entry_users = true;
	cr_assert_eq(finding_sums__stall(&sums, &s), 0);
	cr_assert_eq(finding_sums__stall(&sums, &s), 0);
	cr_assert_eq(finding_sums__rows(&sums, &groups, &snap), 0);
	text = summary_text("text", &snap, &report_run_example, &opts);
	cr_expect_eq(strstr(text,
			    "Fixing this line removes 75 % of the waiting: fetch_row db.py:31.\n"
			    " 1. handler() sleeps on the loop: app/db.py:31 in fetch_row\n"
			    "    2 stalls took 101 ms, the longest 50.3 ms; 100 % of the waiting\n"
			    "    (1.40 s), 2.0 % of the loop's time\n"
			    "    sure: seen there for 75 % of the time\n"
			    "    Use await asyncio.sleep(...); if it waits for something outside,\n"
			    "    await that instead.\n"
			    "\n"),
		     text, "\n%s", text);
	free(text);
	finding_sums__done(&sums);
}

Test(text_findings, a_calm_service_gets_a_sentence)
{
	const struct report_opts opts = { .mode = "exact" };
	const struct snapshot snap = {
		.steps = 9, .turns = 7, .turn_max_ns = 148000, .watched_ns = 1000 * MS
	};
	char *text = summary_text("text", &snap, &report_run_example, &opts);

	cr_expect_eq(strstr(text,
			    "Nothing stalled: no turn of the loop took longer than 148 us in "
			    "10.0 s.\n"),
		     text, "\n%s", text);
	free(text);
}
