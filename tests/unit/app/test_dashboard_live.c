/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dashboard of a scripted session on a pseudo terminal: keys at given times, what they change,
 * what is shown and saved.
 */
#include "../session/world_session.h"

#include "app/dashboard.h"
#include "terminal.h"

static struct config config;

static void begin(void)
{
	terminal_open();
	process_begins(PID, 1, "python3 app.py");
}

TestSuite(app_dashboard_live, .init = begin, .fini = terminal_close);

/* Runs until q. */
static void run(const char *screen)
{
	struct session_opts opts = world_opts();
	struct session *s = NULL;
	struct err err = {};

	config.mode = MEASURE_MODE_EXACT;
	config.screen = screen;
	cr_assert_eq(session__new(&s, &opts, &err), 0, "%s", err.what);
	world.session = s;
	cr_assert_eq(session__add_targets(s, &err), 0);
	cr_expect_eq(dashboard_run(s, &config, &err), EXIT_FINE, "%s", err.what);
	session__free(s);
}

#define KEY(name, keys)                                                                            \
	static void name(void)                                                                     \
	{                                                                                          \
		terminal_press_mine(keys);                                                         \
	}

KEY(press_q, "q")
KEY(press_plus, "+")
KEY(press_minus, "-")
KEY(press_threshold_up, "]")
KEY(press_threshold_down, "[")
KEY(press_copy, "y")
KEY(press_edit, "e")
KEY(press_save, "S")
KEY(press_enter, "\r")
KEY(press_reset, "r")
KEY(press_tasks, "2")

Test(app_dashboard_live, shows_stalls_and_ends_at_q)
{
	at_ms(300, report_stall);
	at_ms(2000, press_q);
	run("stalls");
	cr_expect_eq(world.now_ns, 1002 * SECOND);
	cr_expect(terminal_shows("python3 app.py"));
	cr_expect(terminal_shows("handler"));
}

Test(app_dashboard_live, refresh_and_threshold_by_keys)
{
	at_ms(500, press_plus);
	at_ms(600, press_minus);
	at_ms(1000, press_threshold_up);
	at_ms(1100, press_threshold_down);
	at_ms(1200, press_threshold_down);
	at_ms(2000, press_q);
	run("stalls");
	cr_expect(terminal_shows("refreshed every 0.1 s"));
	cr_expect(terminal_shows("a stall is what lasts at least 20 ms"));
	cr_expect_eq(world.probe.opts.threshold_ns, 5 * NS_PER_MS);
}

Test(app_dashboard_live, saves_all_that_is_known)
{
	char *text;

	at_ms(300, report_stall);
	at_ms(1000, press_save);
	at_ms(1100, press_enter);
	at_ms(2000, press_q);
	run("stalls");
	cr_expect(terminal_shows("saved loopstall-"));
	text = terminal_saved("txt");
	cr_expect(strstr(text, "handler"), "%s", text);
	cr_expect(strstr(text, "python3 app.py"));
	free(text);
}

/* A second report of the same second has the same name: no file is overwritten. */
Test(app_dashboard_live, says_why_it_cannot_save)
{
	at_ms(300, report_stall);
	cr_assert_eq(rmdir(terminal.folder), 0);
	at_ms(1000, press_save);
	at_ms(1100, press_enter);
	at_ms(2000, press_q);
	run("stalls");
	cr_expect(terminal_shows("cannot save loopstall-"));
	cr_assert_eq(mkdir(terminal.folder, 0700), 0);
}

Test(app_dashboard_live, copies_and_edits_a_row)
{
	setenv("EDITOR", "true", 1);
	at_ms(300, report_stall);
	at_ms(1000, press_copy);
	at_ms(1200, press_edit);
	at_ms(2000, press_q);
	run("stalls");
	cr_expect(terminal_shows("\033]52;c;"), "the clipboard");
	cr_expect(terminal_shows("copied"));
	/* "cannot find ...", of which only what differs from the line before is written. */
	cr_expect(terminal_shows("find /srv/app/db.py"));
}

Test(app_dashboard_live, begins_anew)
{
	at_ms(300, report_stall);
	at_ms(1000, press_reset);
	at_ms(2000, press_q);
	run("stalls");
	cr_expect(terminal_shows("counting begins anew"));
}

static void expect_counting(void)
{
	cr_expect(session__is_counting_tasks(world.session), "the screen shows them");
}

static void expect_not_counting(void)
{
	cr_expect_not(session__is_counting_tasks(world.session));
}

Test(app_dashboard_live, tasks_are_counted_while_they_are_shown)
{
	at_ms(900, expect_not_counting);
	at_ms(1000, press_tasks);
	at_ms(1500, expect_counting);
	at_ms(2000, press_q);
	run("stalls");
	cr_expect(terminal_shows("Tasks"));
}

static void first_step(void)
{
	report_thread(PID, TID, LOOP, 0x5000);
}

static void span_opens(void)
{
	world.probe.has_open_span = true;
	world.probe.open_since_ns = world.now_ns;
}

static void span_ends(void)
{
	world.probe.has_open_span = false;
	world.probe.open_since_ns = 0;
}

static void expect_shown(void)
{
	cr_expect(terminal_shows("handler"));
}

Test(app_dashboard_live, an_open_stall_is_shown_before_it_ends)
{
	at_ms(300, first_step);
	at_ms(1000, span_opens);
	at_ms(2500, expect_shown);
	at_ms(2600, span_ends);
	at_ms(4000, press_q);
	run("stalls");
}

static void write_error(void)
{
	fprintf(stderr, "something went wrong\n");
	fflush(stderr);
}

Test(app_dashboard_live, messages_are_shown_and_kept)
{
	at_ms(1000, write_error);
	at_ms(2000, press_q);
	run("stalls");
	cr_expect(terminal_shows("something went wrong"));
}
