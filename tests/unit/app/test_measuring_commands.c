/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that measure, from their words to their exit code, over the scripted kernel side. The
 * linker sends session__new() here first (--wrap).
 */
#include "../session/world_session.h"

#include "app/privs.h"
#include "command_run.h"
#include "record/player.h"
#include "terminal.h"

static bool is_scripted;
static struct session_opts asked; /* what the command asked for */

int __real_session__new(struct session **ret_session, const struct session_opts *opts,
			struct err *err);
int __wrap_session__new(struct session **ret_session, const struct session_opts *opts,
			struct err *err);

int __wrap_session__new(struct session **ret_session, const struct session_opts *opts,
			struct err *err)
{
	struct session_opts scripted = *opts;
	int r;

	if (!is_scripted)
		return __real_session__new(ret_session, opts, err);
	asked = *opts;
	scripted.env = &world_env;
	r = __real_session__new(ret_session, &scripted, err);
	world.session = r < 0 ? NULL : *ret_session;
	return r;
}

#define PID_WORDS "4242"

static void begin(void)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", PID);
	cr_assert_str_eq(pid, PID_WORDS);
	privs_begin();
	is_scripted = true;
	process_begins(PID, 1, "python3 app.py");
}

TestSuite(app_measures, .init = begin);

static void end_target(void)
{
	process_ends(PID);
}

static void first_step(void)
{
	report_thread(PID, TID, LOOP, 0x5000);
}

static void two_stalls(void)
{
	at_ms(100, first_step);
	at_ms(300, report_stall);
	at_ms(900, report_stall);
}

Test(app_measures, trace_prints_stalls_and_a_summary)
{
	struct run run;

	two_stalls();
	run = RUN("trace", "-p", PID_WORDS, "-d", "2s", "--threshold", "20ms", "--mode", "exact");
	cr_expect_eq(run.code, EXIT_FINE, "%d: %s", run.code, run.err);
	cr_expect(strstr(run.out, "fetch_row"), "%s", run.out);
	cr_expect(strstr(run.out, "2 stalls"), "%s", run.out);
	cr_expect(strstr(run.err, PID_WORDS), "what it attached to: %s", run.err);
	cr_expect_eq(asked.threshold_ns, 20 * MS);
	cr_expect_eq(asked.mode, MEASURE_MODE_EXACT);
	cr_expect(asked.is_following);
	cr_expect_eq(world.now_ns, 1002 * SECOND);
	run_done(&run);
}

Test(app_measures, trace_as_json_until_the_target_ends)
{
	struct outcome lines = {};
	struct run run;

	two_stalls();
	at_ms(1500, end_target);
	run = RUN("trace", "-q", "--json", "-p", PID_WORDS, "--mode", "light", "--no-follow");
	cr_expect_eq(run.code, EXIT_FINE, "%d: %s", run.code, run.err);
	cr_expect_str_eq(run.err, "loopstall: target " PID_WORDS " exited\n");
	lines.text = run.out;
	cr_expect_eq(count_of(&lines, "start"), 1);
	cr_expect_eq(count_of(&lines, "stall"), 2);
	cr_expect_eq(count_of(&lines, "summary"), 1);
	cr_expect_eq(asked.mode, MEASURE_MODE_LIGHT);
	cr_expect(!asked.is_following);
	run_done(&run);
}

Test(app_measures, trace_of_what_cannot_be_measured)
{
	expect_refused(RUN("trace", "-q", "-p", "77"), EXIT_CANNOT_ATTACH, "77");
	world.probe_fails = -EPERM;
	expect_refused(RUN("trace", "-q", "-p", PID_WORDS), EXIT_CANNOT_ATTACH, "");
}

Test(app_measures, trace_of_nothing_is_inconclusive)
{
	struct run run = RUN("trace", "-p", PID_WORDS, "-d", "2s");

	cr_expect_eq(run.code, EXIT_INCONCLUSIVE, "%d: %s", run.code, run.err);
	run_done(&run);
}

static void new_path(char path[64])
{
	strcpy(path, "/tmp/loopstall-test-XXXXXX");
	close(mkstemp(path));
	unlink(path);
}

Test(app_measures, record_writes_what_can_be_played)
{
	char path[64];
	struct run run;

	new_path(path);
	two_stalls();
	run = RUN("record", "-p", PID_WORDS, "-d", "3s", "-o", path);
	cr_expect_eq(run.code, EXIT_FINE, "%d: %s", run.code, run.err);
	cr_expect_str_empty(run.out);
	cr_expect(strstr(run.err, " 2 stalls, "), "%s", run.err);
	run_done(&run);
	is_scripted = false;
	run = RUN("report", path);
	cr_expect_eq(run.code, EXIT_FINE, "%s", run.err);
	cr_expect(strstr(run.out, "2 stalls"), "%s", run.out);
	run_done(&run);
	/* A recording is never written over. */
	expect_refused(RUN("record", "-p", PID_WORDS, "-o", path), EXIT_USAGE, path);
	unlink(path);
}

/* A stall that ends between the records and the counters. */
static void stall_at_the_last_read(void)
{
	if (!world.session->life.is_over)
		return;
	report_stall();
	world.probe.stats.stalls++;
	world.probe.on_read = NULL;
}

Test(app_measures, record_says_how_many_stalls_are_in_its_file)
{
	char path[64];
	struct run run;
	int n = 0;

	new_path(path);
	world.probe.on_read = stall_at_the_last_read;
	run = RUN("record", "-p", PID_WORDS, "-d", "3s", "-o", path);
	cr_expect(strstr(run.err, " 1 stalls, "), "%s", run.err);
	run_done(&run);
	is_scripted = false;
	run = RUN("report", "--format", "json", path);
	for (const char *p = run.out; (p = strstr(p, "\"type\":\"stall\"")); p++)
		n++;
	cr_expect_eq(n, 1, "%s", run.out);
	run_done(&run);
	unlink(path);
}

Test(app_measures, record_leaves_no_file_of_a_failure)
{
	char path[64];

	new_path(path);
	expect_refused(RUN("record", "-p", "77", "-o", path), EXIT_CANNOT_ATTACH, "77");
	cr_expect_eq(access(path, F_OK), -1);
}

Test(app_measures, record_keeps_a_ring)
{
	char folder[] = "/tmp/loopstall-test-XXXXXX", command[64];
	struct run run;

	cr_assert_not_null(mkdtemp(folder));
	two_stalls();
	run = RUN("record", "-p", PID_WORDS, "-d", "3s", "-o", folder, "--ring", "10s",
		  "--on-stall", "30ms", "--max-size", "1M", "--keep", "3,8M");
	cr_expect_eq(run.code, EXIT_FINE, "%d: %s", run.code, run.err);
	cr_expect(strstr(run.err, folder), "no file is named: %s", run.err);
	cr_expect_eq(asked.report_open_ns, 30 * MS);
	run_done(&run);
	snprintf(command, sizeof(command), "rmdir %s 2>/dev/null", folder);
	cr_expect_neq(system(command), 0, "the ring was never written");
	snprintf(command, sizeof(command), "rm -r %s", folder);
	cr_expect_eq(system(command), 0);
}

Test(app_measures, record_refuses_sizes_and_rings)
{
#define REFUSED(part, ...)                                                                         \
	expect_refused(RUN("record", "-p", PID_WORDS, __VA_ARGS__), EXIT_USAGE, part)
#define RING "-o", "/tmp", "--ring", "10s"
	REFUSED("-o FILE", "-d", "1s");
	REFUSED("need --ring", "-o", "x", "--on-exit");
	REFUSED("need --ring", "-o", "x", "--on-stall", "1s");
	REFUSED("'lots' is no size", "-o", "x", "--max-size", "lots");
	REFUSED("'5' is no size", "-o", "x", "--max-size", "5");
	REFUSED("'-1' is no number of files", "-o", "x", "--keep", "-1");
	REFUSED("is shorter than the threshold", RING, "--on-stall", "1ms");
	REFUSED("has no room for a file", RING, "--max-size", "64M", "--keep", "1M");
	REFUSED("keeps nothing", RING, "--keep", "0");
	REFUSED("keeps nothing", RING, "--keep", "3,0K");
	REFUSED("'9999999G' is no size", RING, "--keep", "9999999G");
#undef RING
#undef REFUSED
}

static void press_q(void)
{
	terminal_press_mine("q");
}

Test(app_measures, top_shows_a_session_until_q)
{
	const struct cli_command *top = cli_find(all_commands, "top");
	struct config config = {};
	struct err err = {};
	const char *words[] = { "top", "-p", PID_WORDS, "--screen", "stalls", NULL };

	cr_assert_eq(cli_parse(top, NULL, 5, (char **)words, &config, &err), 0, "%s", err.what);
	terminal_open();
	two_stalls();
	at_ms(2000, press_q);
	cr_expect_eq(top->run(&config), EXIT_FINE);
	cr_expect(terminal_shows("handler"));
	terminal_close();
}

Test(app_measures, top_needs_a_terminal)
{
	expect_refused(RUN("top", "-p", PID_WORDS), EXIT_USAGE, "'loopstall trace'");
	expect_refused(RUN("top", "--json", "-p", PID_WORDS), EXIT_USAGE, "--json asks for lines");
}
