/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lines of the text report on narrow terminals, their titles, and whom they name there.
 */
#include <stdlib.h>

#include "base/time.h"
#include "report/stalls.h"

static void check_line(const struct stall *stall, unsigned int width, const char *expected)
{
	const struct report_opts opts = { .mode = "exact", .width = width };
	char *text = stall_text("text", stall, &opts);

	cr_assert_str_eq(text, expected, "\n%s%s", text, expected);
	free(text);
}

Test(text_width, narrow_terminal)
{
	struct stall s;

	stall_init(&s);
	check_line(&s, 80,
		   " 50.3 ms  sleep     "
		   "Task-7 handler()     app/db.py:31: time.sleep     starved 14\n");
	check_line(&s, 70,
		   " 50.3 ms  sleep     "
		   "Task-7 handler() db.py:31: time.sleep   starved 14\n");
	check_line(&s, 60, " 50.3 ms  sleep     handler()     db.py:31        starved 14\n");
	check_line(&s, 20, " 50.3 ms  sleep     handler()     db.py:31        starved 14\n");
}

/* On a server the coroutine is the server's in all lines. */
Test(text_width, the_entry_stands_for_a_coroutine_of_a_library)
{
	struct stall s;

	stall_init(&s);
	s.coroutine.name = "RequestHandler._execute";
	s.entry.function = "Orders.get";
	s.is_entry_users = true;
	check_line(&s, 70,
		   " 50.3 ms  sleep     "
		   "RequestHandler.. db.py:31: time.sleep   starved 14\n");
	s.coroutine.file = "/usr/lib/python3/dist-packages/tornado/web.py";
	check_line(&s, 70,
		   " 50.3 ms  sleep     "
		   "Orders.get()     db.py:31: time.sleep   starved 14\n");
}

static void check_titles(unsigned int width, uint64_t offset_ns, const char *expected)
{
	const struct report_opts opts = {
		.mode = "exact", .width = width, .has_titles = true, .clock_offset_ns = offset_ns
	};
	struct stall s;
	char *text, *line;

	stall_init(&s);
	text = stall_text("text", &s, &opts);
	line = strchr(text, '\n') + 1;
	cr_expect(!strncmp(text, expected, strlen(expected)), "\n%s%s", text, expected);
	cr_expect_null(strstr(line, "DURATION"), "once");
	/* Each title is above what it is the title of. */
	cr_expect(!strncmp(line + (strstr(text, "WHO") - text), "Task-7", 6), "%s", text);
	cr_expect_not_null(strstr(line + (strstr(text, "WHERE") - text), "db.py"), "%s", text);
	free(text);
}

Test(text_width, titles_of_the_columns)
{
	const uint64_t offset_ns = 1700000000 * NS_PER_S;

	check_titles(0, 0,
		     "PID     UNIT     DURATION  CAUSE     WHO                        WHERE\n");
	check_titles(0, offset_ns, "TIME         PID     UNIT     DURATION  CAUSE     WHO  ");
	check_titles(80, 0, "DURATION  CAUSE     WHO                  WHERE\n");
	check_titles(80, offset_ns, "TIME     DURATION  CAUSE     WHO               WHERE\n");
}

/* The pid is said from the moment that there are two. */
Test(text_width, narrow_terminal_and_two_processes)
{
	const struct report_opts opts = { .mode = "exact", .width = 80, .is_unfolded = true };
	struct report_text t;
	struct stall s;
	char *text;

	stall_init(&s);
	report_text_init(&t, "text", &opts);
	cr_assert_eq(report__stall(t.report, &s), 0);
	s.pid = 4300;
	cr_assert_eq(report__stall(t.report, &s), 0);
	s.pid = 4242;
	cr_assert_eq(report__stall(t.report, &s), 0);
	text = report_text_end(&t);
	cr_expect_str_eq(text,
			 " 50.3 ms  sleep     "
			 "Task-7 handler()     app/db.py:31: time.sleep     starved 14\n"
			 "4300     50.3 ms  sleep     "
			 "Task-7 handler()  db.py:31: time.sleep    starved 14\n"
			 "4242     50.3 ms  sleep     "
			 "Task-7 handler()  db.py:31: time.sleep    starved 14\n",
			 "\n%s", text);
	free(text);
}
