/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dashboard of a recording on a pseudo terminal: playing, seeking, speed, and its end.
 */
#include <signal.h>

#include "../record/tape.h"

#include "app/dashboard.h"
#include "base/exit.h"
#include "terminal.h"

static struct tape tape;

static void begin(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	tape_begin(&tape, 0, 0);
	for (int i = 0; i < 100; i++)
		tape_round(&tape, 2);
	tape_end(&tape);
	terminal_open();
}

static void end(void)
{
	terminal_close();
	tape_done(&tape);
}

TestSuite(app_dashboard_replay, .init = begin, .fini = end);

/*
 * One after the other, each once what it is to show is there; NULL: the next key at once. Of what
 * changes the screen gets only the cells that differ: Ctrl-L (\f) has it all written again.
 */
struct press {
	const char *keys, *shown;
};

static void *press_all(void *arg)
{
	for (const struct press *p = arg; p->keys; p++) {
		terminal_press(p->keys);
		if (p->shown)
			cr_expect(terminal_shows(p->shown), "\"%s\" is not shown", p->shown);
	}
	return NULL;
}

static int run(const char *path, struct press *presses)
{
	const struct config config = { .screen = "stalls" };
	struct err err = {};
	pthread_t thread;
	int r;

	cr_assert_eq(pthread_create(&thread, NULL, press_all, presses), 0);
	r = dashboard_replay(&config, path, &err);
	pthread_join(thread, NULL);
	return r;
}

Test(app_dashboard_replay, plays_and_seeks)
{
	struct press presses[] = {
		{ "p\f", "STOPPED x1" },
		{ "+\f", "STOPPED x2" },
		{ "--\f", "STOPPED x0.5" },
		{ "}}}}\f", "handler" },
		{ "{.\f", "00:00:10 of" },
		{ "{..\f", "00:00:20 of" },
		{ "r\f", "00:00:00 of" },
		{ "}}}}1\f", "[Coroutines]" },
		{ "p\f", "\u25b6 x0.5" },
		{ "q", NULL },
		{ NULL, NULL },
	};

	cr_expect_eq(run(tape.path, presses), EXIT_FINE);
}

Test(app_dashboard_replay, keeps_its_threshold)
{
	struct press presses[] = {
		{ "}}}}\f", "handler" },
		{ "]\f", "a recording stays as it was measured" },
		{ "q", NULL },
		{ NULL, NULL },
	};

	cr_expect_eq(run(tape.path, presses), EXIT_FINE);
}

Test(app_dashboard_replay, saves_up_to_where_it_is)
{
	struct press presses[] = {
		{ "}}}}\f", "handler" }, { "S", NULL },	 { "\r", "saved loopstall-" },
		{ "q", NULL },		 { NULL, NULL },
	};
	char *text;

	cr_expect_eq(run(tape.path, presses), EXIT_FINE);
	text = terminal_saved("txt");
	cr_expect(strstr(text, "handler"), "%s", text);
	free(text);
}

static void *send_signal(void *arg)
{
	(void)arg;
	cr_expect(terminal_shows("Stalls"));
	kill(getpid(), SIGTERM);
	return NULL;
}

Test(app_dashboard_replay, ends_at_a_signal)
{
	const struct config config = {};
	struct err err = {};
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, send_signal, NULL), 0);
	cr_expect_eq(dashboard_replay(&config, tape.path, &err), EXIT_FINE);
	pthread_join(thread, NULL);
}

Test(app_dashboard_replay, says_that_a_recording_is_damaged)
{
	struct press presses[] = {
		{ "}}}}", "is damaged" },
		{ "q", NULL },
		{ NULL, NULL },
	};
	struct stat st;

	cr_assert_eq(stat(tape.path, &st), 0);
	cr_assert_eq(truncate(tape.path, st.st_size / 2), 0);
	cr_expect_eq(run(tape.path, presses), EXIT_FINE);
}

Test(app_dashboard_replay, refuses_what_is_no_recording)
{
	const struct config config = {};
	struct err err = {};

	cr_expect_lt(dashboard_replay(&config, "/dev/null", &err), 0);
	cr_expect_neq(*err.what, '\0');
}
