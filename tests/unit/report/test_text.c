/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text report, line by line, at several widths; and nothing from a target that could drive the
 * terminal.
 */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/time.h"
#include "report/format.h"
#include "report/wording.h"
#include "report/stalls.h"

static void check_line(const struct stall *stall, unsigned int width, const char *expected)
{
	const struct report_opts opts = { .mode = "exact", .width = width };
	char *text = stall_text("text", stall, &opts);

	cr_assert_str_eq(text, expected, "\n%s%s", text, expected);
	free(text);
}

Test(text, line_without_limit)
{
	struct stall s;

	stall_init(&s);
	check_line(&s, 0,
		   "4242    step      50.3 ms  sleep     Task-7 handler()           "
		   "app/db.py:31 in fetch_row: time.sleep           starved 14 tasks\n");
}

Test(text, line_of_a_stall_that_has_not_ended)
{
	struct stall s;

	stall_init(&s);
	s.end = LS_END_OPEN;
	check_line(&s, 0,
		   "4242    step      50.3 ms  sleep     Task-7 handler()           "
		   "app/db.py:31 in fetch_row: time.sleep           still open, 14 tasks wait\n"
		   "    called by handler (web.py:14)\n");
	s.victims = 0;
	s.end = LS_END_SIGNAL;
	s.end_signal = 6;
	check_line(&s, 0,
		   "4242    step      50.3 ms  sleep     Task-7 handler()           "
		   "app/db.py:31 in fetch_row: time.sleep           killed by SIGABRT\n");
	s.victims = 1;
	check_line(&s, 0,
		   "4242    step      50.3 ms  sleep     Task-7 handler()           "
		   "app/db.py:31 in fetch_row: time.sleep           killed by SIGABRT, 1 task "
		   "waited\n");
}

Test(text, line_of_a_turn)
{
	struct stall s;

	stall_init(&s);
	s.unit = LS_UNIT_TURN;
	s.coroutine = (struct code_info){ NULL, NULL, 0 };
	s.steps = 90;
	s.turn.is_known = true;
	s.turn.n_parts = 1;
	s.turn.parts[0] =
		(struct turn_part){ { "send", "/srv/app/feed.py", 4 }, 90, s.duration_ns / 2 };
	s.turn.maker = (struct turn_maker){ .n_made = 90,
					    .origin = LS_MAKER_CREATED,
					    .coroutine = { "cast", "/srv/app/feed.py", 20 },
					    .at = { "cast", "/srv/app/feed.py", 22 } };
	check_line(&s, 0,
		   "4242    turn      50.3 ms  sleep     90 steps, 50 % in send()   "
		   "app/feed.py:22 in cast created the tasks        starved 14 tasks\n");
	s.turn.maker.at = (struct model_frame){ NULL, NULL, 0 };
	s.turn.maker.origin = LS_MAKER_WOKE;
	check_line(&s, 0,
		   "4242    turn      50.3 ms  sleep     90 steps, 50 % in send()   "
		   "app/feed.py cast() woke the tasks               starved 14 tasks\n");
}

Test(text, line_of_a_stall_with_victims_that_are_not_known)
{
	struct stall s;

	stall_init(&s);
	s.is_victims_unknown = true;
	s.victims = 0;
	check_line(&s, 0,
		   "4242    step      50.3 ms  sleep     Task-7 handler()           "
		   "app/db.py:31 in fetch_row: time.sleep           who waited: not known\n");
}

/* Those between the innermost function and the user's outermost one. */
Test(text, callers_of_a_stall_that_has_not_ended)
{
	static const struct model_frame serve = { "serve", "/usr/lib/python3/dist-packages/s.py",
						  9 };
	struct stall s;

	stall_init(&s);
	s.end = LS_END_OPEN;
	s.victims = 0;
	s.stack[2] = s.stack[1];
	s.stack[1] = (struct model_frame){ "ro\x1bw", "/srv/app/db.py", 40 };
	s.stack[3] = serve;
	s.n_frames = 4;
	check_line(&s, 0,
		   "4242    step      50.3 ms  sleep     Task-7 handler()           "
		   "app/db.py:31 in fetch_row: time.sleep           still open\n"
		   "    called by ro\\x1bw (db.py:40), handler (web.py:14)\n");
	s.entry = (struct model_frame){ 0 };
	for (size_t i = 1; i < 8; i++)
		s.stack[i] = serve;
	s.n_frames = 8;
	check_line(&s, 60,
		   " 50.3 ms  sleep     handler()     db.py:31        still open\n"
		   "    called by serve (s.py:9), serve (s.py:9), serve (s.py:..\n");
}

Test(text, sentence_on_the_end_of_a_process)
{
	char buf[WORDING_DEATH_BYTES];
	struct stall s;

	stall_init(&s);
	wording_death(&s, buf);
	cr_assert_str_empty(buf);
	s.end = LS_END_SIGNAL;
	s.end_signal = 6;
	wording_death(&s, buf);
	cr_assert_str_eq(buf,
			 "killed by SIGABRT 50.3 ms into a stall: time.sleep in fetch_row "
			 "db.py:31, 14 tasks waited");
	s.end = LS_END_EXIT;
	s.victims = 1;
	wording_death(&s, buf);
	cr_assert_str_eq(buf,
			 "exited 50.3 ms into a stall: time.sleep in fetch_row db.py:31, "
			 "1 task waited");
	s.end = LS_END_EXEC;
	s.victims = 0;
	s.call = (struct model_frame){ 0 };
	wording_death(&s, buf);
	cr_assert_str_eq(buf,
			 "executed another program 50.3 ms into a stall: time.sleep in handler()");
}

static void check_clock(unsigned int width, uint64_t offset_ns, const char *expected)
{
	const struct report_opts opts = { .mode = "exact",
					  .width = width,
					  .clock_offset_ns = offset_ns };
	struct stall s;
	char *text;

	stall_init(&s);
	s.start_ns = 123456789;
	text = stall_text("text", &s, &opts);
	cr_assert(!strncmp(text, expected, strlen(expected)), "\n%s%s", text, expected);
	cr_assert(!width || format__columns(text) <= width + 1, "%s", text);
	free(text);
}

Test(text, line_begins_with_the_time_of_day)
{
	const uint64_t offset_ns = 1700000000 * NS_PER_S;

	setenv("TZ", "TST-3:30", 1);
	tzset();
	check_clock(0, offset_ns, "01:43:20.123 4242    step ");
	check_clock(100, offset_ns, "01:43:20.123 4242    step ");
	check_clock(99, offset_ns, "01:43:20  50.3 ms ");
	check_clock(80, offset_ns, "01:43:20  50.3 ms ");
	check_clock(79, offset_ns, " 50.3 ms ");
	check_clock(0, 0, "4242    step ");
}

/* Only a format that reports each event has the same stall twice. */
Test(text, only_the_end_of_a_stall_is_in_profiles)
{
	const struct report_opts opts = { .mode = "exact" };
	struct stall s;
	char *text;

	stall_init(&s);
	s.end = LS_END_OPEN;
	text = stall_text("csv-stalls", &s, &opts);
	cr_assert_null(strstr(text, "handler"), "%s", text);
	free(text);
}

Test(text, line_gets_shorter_with_the_terminal)
{
	struct stall s;

	stall_init(&s);
	check_line(&s, 120,
		   "4242    step      50.3 ms  sleep     Task-7 handler()           "
		   "app/db.py:31 in fetch_row: time.sleep   starved 14 tasks\n");
}

Test(text, no_line_is_wider_than_the_terminal)
{
	unsigned int width;
	struct stall s;

	stall_init(&s);
	strcpy(s.task_name, "a task with quite a long name indeed");
	s.coroutine.name = "Application.startup.<locals>.middleware.<locals>.wrapper";
	for (width = 60; width < 200; width++) {
		const struct report_opts opts = { .mode = "exact", .width = width };
		char *text = stall_text("text", &s, &opts);

		text[strlen(text) - 1] = '\0';
		cr_assert_leq(format__columns(text), width, "%u: %s", width, text);
		cr_assert_not_null(strstr(text, "db.py:31"), "%u: %s", width, text);
		free(text);
	}
}

Test(text, one_victim_and_none_and_more_than_were_counted)
{
	struct stall s;

	stall_init(&s);
	s.victims = 1;
	check_line(&s, 0,
		   "4242    step      50.3 ms  sleep     Task-7 handler()           "
		   "app/db.py:31 in fetch_row: time.sleep           starved 1 task\n");
	s.victims = 0;
	check_line(&s, 0,
		   "4242    step      50.3 ms  sleep     Task-7 handler()           "
		   "app/db.py:31 in fetch_row: time.sleep\n");
	s.victims = 128;
	s.is_victims_cut = true;
	check_line(&s, 0,
		   "4242    step      50.3 ms  sleep     Task-7 handler()           "
		   "app/db.py:31 in fetch_row: time.sleep           starved 128+ tasks\n");
	s.victims = 2;
	s.is_victims_cut = false;
	s.sockets = 1;
	check_line(&s, 0,
		   "4242    step      50.3 ms  sleep     Task-7 handler()           "
		   "app/db.py:31 in fetch_row: time.sleep           starved 2 tasks, 1 socket\n");
	s.victims = 0;
	s.sockets = 3;
	check_line(&s, 0,
		   "4242    step      50.3 ms  sleep     Task-7 handler()           "
		   "app/db.py:31 in fetch_row: time.sleep           starved 3 sockets\n");
}

Test(text, a_call_in_a_library_is_told_with_the_line_that_led_there)
{
	struct stall s;

	stall_init(&s);
	s.call = (struct model_frame){ "match", "/usr/lib/python3.11/re/__init__.py", 166 };
	s.stack[0] = s.call;
	s.own = s.stack[1] = (struct model_frame){ "Row.check", "/srv/app/db.py", 31 };
	s.n_frames = 2;
	check_line(
		&s, 0,
		"4242    step      50.3 ms  sleep     Task-7 handler()           "
		"app/db.py:31 in Row.check > re/__init__.py:166 in match: time.sleep  starved 14 "
		"tasks\n");
	/* All of it in libraries: there is no line of one's own. */
	s.n_frames = 1;
	s.own = s.call;
	check_line(&s, 0,
		   "4242    step      50.3 ms  sleep     Task-7 handler()           "
		   "re/__init__.py:166 in match: time.sleep         starved 14 tasks\n");
}

Test(text, call_is_named_only_where_it_is_certain)
{
	struct stall s;

	stall_init(&s);
	s.victims = 0;
	s.cause = LS_CAUSE_FILE;
	s.call_syscall = "fsync";
	check_line(&s, 0,
		   "4242    step      50.3 ms  file      Task-7 handler()           "
		   "app/db.py:31 in fetch_row: fsync\n");
	s.cause = LS_CAUSE_NETWORK;
	s.call_syscall = "recvfrom";
	check_line(&s, 0,
		   "4242    step      50.3 ms  network   Task-7 handler()           "
		   "app/db.py:31 in fetch_row: socket recv\n");
	s.cause = LS_CAUSE_OTHER;
	s.call_syscall = NULL;
	s.call_native = "libfoo.so:foo_wait";
	check_line(&s, 0,
		   "4242    step      50.3 ms  other     Task-7 handler()           "
		   "app/db.py:31 in fetch_row: foo_wait\n");
	s.cause = LS_CAUSE_CPU;
	s.call_native = NULL;
	check_line(&s, 0,
		   "4242    step      50.3 ms  cpu       Task-7 handler()           "
		   "app/db.py:31 in fetch_row\n");
}

Test(text, gil_holder)
{
	struct stall s;

	stall_init(&s);
	s.victims = 0;
	s.cause = LS_CAUSE_GIL;
	s.gil_holder.tid = 4250;
	check_line(&s, 0,
		   "4242    step      50.3 ms  gil       Task-7 handler()           "
		   "app/db.py:31 in fetch_row: GIL held by thread 4250\n");
	strcpy(s.gil_holder.name, "asyncio_0");
	check_line(&s, 0,
		   "4242    step      50.3 ms  gil       Task-7 handler()           "
		   "app/db.py:31 in fetch_row: GIL held by thread asyncio_0\n");
	s.gil_holder.stack[0] = (struct model_frame){ "match", "/usr/lib/python3.11/re.py", 166 };
	s.gil_holder.stack[1] = (struct model_frame){ "scan", "/srv/app/work.py", 18 };
	s.gil_holder.n_frames = 2;
	check_line(&s, 0,
		   "4242    step      50.3 ms  gil       Task-7 handler()           "
		   "app/work.py:18 in scan, GIL held by thread asyncio_0, "
		   "wanted at app/db.py:31 in fetch_row\n");
	check_line(&s, 80, " 50.3 ms  gil       Task-7 handler()     work.py:18 held the GIL\n");
	s.gil_holder = (struct model_holder){ 0 };
	check_line(&s, 0,
		   "4242    step      50.3 ms  gil       Task-7 handler()           "
		   "app/db.py:31 in fetch_row: GIL\n");
}

Test(text, lock_holder)
{
	struct stall s;

	stall_init(&s);
	s.victims = 0;
	s.cause = LS_CAUSE_LOCK;
	s.call_syscall = "futex";
	s.call_native = NULL;
	s.lock_known = LS_LOCK_NO_OWNER;
	check_line(&s, 0,
		   "4242    step      50.3 ms  lock      Task-7 handler()           "
		   "app/db.py:31 in fetch_row: lock, holder not known: a Lock does not name "
		   "its owner\n");
	s.lock_known = LS_LOCK_OWNER;
	s.lock_holder.tid = 4250;
	strcpy(s.lock_holder.name, "keeper");
	check_line(&s, 0,
		   "4242    step      50.3 ms  lock      Task-7 handler()           "
		   "app/db.py:31 in fetch_row: lock held by thread keeper\n");
	s.lock_holder.stack[0] = (struct model_frame){ "scan", "/srv/app/work.py", 18 };
	s.lock_holder.n_frames = 1;
	check_line(&s, 0,
		   "4242    step      50.3 ms  lock      Task-7 handler()           "
		   "app/work.py:18 in scan, lock held by thread keeper, "
		   "wanted at app/db.py:31 in fetch_row\n");
	s.lock_known = LS_LOCK_RELEASED_LAST;
	check_line(&s, 0,
		   "4242    step      50.3 ms  lock      Task-7 handler()           "
		   "app/work.py:18 in scan, lock last held by thread keeper, "
		   "wanted at app/db.py:31 in fetch_row\n");
	s.lock_known = LS_LOCK_RELEASED;
	check_line(&s, 84,
		   " 50.3 ms  lock      Task-7 handler()      work.py:18 released the "
		   "lock\n");
	s.lock_known = LS_LOCK_PROCESS;
	s.lock_holder = (struct model_holder){ .tid = 4711, .is_process = true, .name = "nginx" };
	check_line(&s, 0,
		   "4242    step      50.3 ms  lock      Task-7 handler()           "
		   "app/db.py:31 in fetch_row: file lock taken by process 4711 nginx\n");
	s.lock_holder.tid = s.pid;
	check_line(&s, 0,
		   "4242    step      50.3 ms  lock      Task-7 handler()           "
		   "app/db.py:31 in fetch_row: file lock taken by its own process\n");
	/* A holder of what is not the cause is not part of the line. */
	s.cause = LS_CAUSE_SLEEP;
	s.call_syscall = "clock_nanosleep";
	check_line(&s, 0,
		   "4242    step      50.3 ms  sleep     Task-7 handler()           "
		   "app/db.py:31 in fetch_row: time.sleep\n");
}

#define STALL_LINE                                                                                 \
	"4242    step      50.3 ms  sleep     Task-7 handler()           "                         \
	"app/db.py:31 in fetch_row: time.sleep\n"

static void check_step_ends(const struct step_end *from, const struct step_end *to,
			    const char *expected)
{
	const struct report_opts opts = { .mode = "exact", .is_verbose = true };
	struct stall s;
	char *text;

	stall_init(&s);
	s.victims = 0;
	s.from = *from;
	s.to = *to;
	check_line(&s, 0, STALL_LINE);
	text = stall_text("text", &s, &opts);
	cr_assert_eq(strncmp(text, STALL_LINE, strlen(STALL_LINE)), 0);
	cr_assert_str_eq(text + strlen(STALL_LINE), expected);
	free(text);
}

Test(text, between_which_awaits_a_step_ran)
{
	const struct step_end unknown = { 0 }, began = { .state = LS_AWAIT_BEGAN },
			      returned = { .state = LS_AWAIT_RETURNED },
			      raised = { .state = LS_AWAIT_RAISED },
			      cancelled = { .state = LS_AWAIT_CANCELLED },
			      pool = { LS_AWAIT_SUSPENDED,
				       { "acq\x1bire", "/srv/app/pool.py", 44 } },
			      gone = { LS_AWAIT_SUSPENDED, { "?", "?", 0 } };

	check_step_ends(&pool, &pool,
			"    resumed in acq\\x1bire (pool.py:44), suspended in acq\\x1bire "
			"(pool.py:44)\n");
	check_step_ends(&began, &returned, "    began, returned\n");
	check_step_ends(&began, &raised, "    began, raised\n");
	check_step_ends(&unknown, &cancelled, "    was cancelled\n");
	check_step_ends(&gone, &unknown, "    resumed at a line that is not known\n");
	check_step_ends(&unknown, &unknown, "");
}

static void check_request(const char *label, const char *test, const char *expected)
{
	const struct report_opts opts = { .mode = "exact", .is_verbose = true };
	struct stall s;
	char *text;

	stall_init(&s);
	s.victims = 0;
	strcpy(s.request.label, label);
	strcpy(s.test, test);
	check_line(&s, 0, STALL_LINE);
	text = stall_text("text", &s, &opts);
	cr_assert_str_eq(text + strlen(STALL_LINE), expected);
	free(text);
}

Test(text, of_which_request_and_test)
{
	check_request("GET /orders/{id}", "", "    request GET /orders/{id}\n");
	check_request("", "t.py::test_a[1\x1b]", "    test t.py::test_a[1\\x1b]\n");
	check_request("PUT /x\n", "t.py::test_a", "    request PUT /x\\n, test t.py::test_a\n");
	check_request("", "", "");
}

Test(text, callback_and_turn)
{
	struct stall s;

	stall_init(&s);
	s.victims = 0;
	s.unit = LS_UNIT_CALLBACK;
	s.task = 0;
	s.task_name[0] = '\0';
	check_line(&s, 0,
		   "4242    callback  50.3 ms  sleep     handler()                  "
		   "app/db.py:31 in fetch_row: time.sleep\n");
	s.unit = LS_UNIT_TURN;
	s.steps = 12;
	s.coroutine = (struct code_info){ NULL, NULL, 0 };
	s.call = (struct model_frame){ NULL, NULL, 0 };
	s.call_syscall = NULL;
	s.call_native = NULL;
	check_line(&s, 0,
		   "4242    turn      50.3 ms  sleep     12 steps                   (place not "
		   "known)\n");
	/* What a callback runs for long has a place; without a CPU nothing ran. */
	s.unit = LS_UNIT_CALLBACK;
	check_line(&s, 0,
		   "4242    callback  50.3 ms  sleep     ?()                        (place not "
		   "known)\n");
	s.cause = LS_CAUSE_RUNQUEUE;
	check_line(
		&s, 0,
		"4242    callback  50.3 ms  runqueue  the loop                   it had no CPU\n");
	s.cause = LS_CAUSE_STOPPED;
	s.stop = LS_STOP_SIGNAL;
	s.stop_id = SIGSTOP;
	check_line(&s, 0,
		   "4242    callback  50.3 ms  stopped   the loop                   it did not "
		   "run: stopped by SIGSTOP\n");
}

Test(text, unknown_line_is_not_made_up)
{
	struct stall s;

	stall_init(&s);
	s.victims = 0;
	s.call = (struct model_frame){ NULL, NULL, 0 };
	check_line(&s, 0,
		   "4242    step      50.3 ms  sleep     Task-7 handler()           "
		   "app/web.py (line not known): time.sleep\n");
}

Test(text, names_cannot_drive_the_terminal)
{
	const struct report_opts opts = { .mode = "exact" };
	struct stall s;
	char *text;

	stall_init(&s);
	strcpy(s.task_name, "\033[2Jevil\nline");
	s.coroutine.name = "\xe2\x80\xae"
			   "reldnah"; /* right-to-left override */
	s.call.file = "/srv/\a/db\r.py";
	text = stall_text("text", &s, &opts);
	cr_assert_null(strchr(text, '\033'));
	cr_assert_null(strchr(text, '\r'));
	cr_assert_null(strchr(text, '\a'));
	cr_assert_null(strstr(text, "\xe2\x80\xae"));
	cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1, "one line only");
	cr_assert_not_null(strstr(text, "\\x1b[2Jevil\\nline"));
	free(text);
}

Test(text, wide_names_keep_the_columns)
{
	struct stall s;

	cr_assert_not_null(setlocale(LC_CTYPE, "C.UTF-8"));
	stall_init(&s);
	s.victims = 0;
	strcpy(s.task_name, "任务七");
	check_line(&s, 0,
		   "4242    step      50.3 ms  sleep     任务七 handler()           "
		   "app/db.py:31 in fetch_row: time.sleep\n");
}

Test(text, colour_repeats_the_words_and_is_off_by_default)
{
	struct report_opts opts = { .mode = "exact", .color = true };
	char *colored, *plain, *in, *out;
	struct stall s;

	stall_init(&s);
	s.duration_ns = 1420 * MS;
	colored = stall_text("text", &s, &opts);
	opts.color = false;
	plain = stall_text("text", &s, &opts);
	cr_assert_null(strchr(plain, '\033'));
	cr_assert_not_null(strstr(colored, "\033[1;31m  1.42 s\033[0m  \033[36msleep"));
	for (in = out = colored; *in; in++) {
		if (*in == '\033')
			in = strchr(in, 'm');
		else
			*out++ = *in;
	}
	*out = '\0';
	cr_assert_str_eq(colored, plain);
	free(colored);
	free(plain);
}
