/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions that watch every event loop of the machine.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "world_session.h"

static struct session_opts everything_opts(void)
{
	struct session_opts opts = world_opts();

	opts.n_pids = 0;
	opts.is_everything = true;
	return opts;
}

static bool is_attached(pid_t pid)
{
	for (size_t i = 0; i < world.probe.n_attached; i++)
		if (world.probe.attached[i] == pid)
			return true;
	return false;
}

static struct outcome run_for(uint64_t duration_ns)
{
	static const struct sink_ops ops;
	static struct sink sink = { .ops = &ops, .outlives_targets = true };
	struct session_opts opts = everything_opts();

	opts.duration_ns = duration_ns;
	return world_run(&opts, &sink);
}

Test(session_everything, watches_what_runs_and_nothing_else)
{
	struct outcome o;

	process_begins(PID, 1, "python3 app.py");
	process_begins(PID_2, 1, "bash")->is_python = false;
	process_begins(PID_3, 1, "python3 other.py");
	at_ms(700, report_stall);
	o = run_for(2 * SECOND);
	cr_expect_eq(o.code, EXIT_FINE);
	cr_expect(is_attached(PID));
	cr_expect(is_attached(PID_3));
	cr_expect_not(is_attached(PID_2));
	cr_expect(world.probe.opts.tells_execs);
	cr_expect_eq(count_of(&o, "stall"), 1);
	outcome_done(&o);
}

/* What is said while nothing can be attached to. */
static void read_messages(char *text, size_t size)
{
	_cleanup_(file_close) FILE *f = tmpfile();
	const int stderr_before = dup(STDERR_FILENO);
	struct outcome o;

	cr_assert_not_null(f);
	dup2(fileno(f), STDERR_FILENO);
	o = run_for(2 * SECOND);
	dup2(stderr_before, STDERR_FILENO);
	close(stderr_before);
	outcome_done(&o);
	rewind(f);
	text[fread(text, 1, size - 1, f)] = 0;
}

Test(session_everything, says_once_that_a_right_is_missing)
{
	static const char words[] = "not every process can be watched: cannot put probes on";
	char text[4096];
	const char *found;

	process_begins(PID, 1, "python3 app.py");
	process_begins(PID_3, 1, "python3 other.py");
	world.attach_fails = -EACCES;
	read_messages(text, sizeof(text));
	found = strstr(text, words);
	cr_assert_not_null(found, "%s", text);
	cr_expect_null(strstr(found + 1, words));
}

static void start_another(void)
{
	process_begins(PID_2, 1, "python3 late.py");
	report_life(LS_REC_EXEC, PID_2, PID_2);
	process_begins(PID_3, 1, "make")->is_python = false;
	report_life(LS_REC_EXEC, PID_3, PID_3);
}

static void expect_attached(void)
{
	cr_expect(is_attached(PID_2), "half a second after its start");
}

Test(session_everything, watches_programs_that_start_later)
{
	struct outcome o;

	process_begins(PID, 1, "python3 app.py");
	at_ms(700, report_stall);
	at_ms(1000, start_another);
	at_ms(1500, expect_attached);
	o = run_for(2 * SECOND);
	cr_expect_not(is_attached(PID_3));
	cr_expect_eq(process_of(PID_3)->n_examined, 0);
	outcome_done(&o);
}

static void load_a_runtime(void)
{
	process_of(PID_2)->is_python = true;
}

Test(session_everything, finds_a_runtime_that_is_loaded_late)
{
	struct outcome o;

	process_begins(PID, 1, "python3 app.py");
	process_begins(PID_2, 1, "server with plugins")->is_python = false;
	at_ms(700, report_stall);
	at_ms(1000, load_a_runtime);
	o = run_for(40 * SECOND);
	cr_expect(is_attached(PID_2));
	outcome_done(&o);
}

static void start_the_first(void)
{
	process_begins(PID, 1, "python3 app.py");
	report_life(LS_REC_EXEC, PID, PID);
}

static void end_it(void)
{
	process_ends(PID);
}

Test(session_everything, goes_on_without_any_process)
{
	struct outcome o;

	at_ms(1000, start_the_first);
	at_ms(1800, report_stall);
	at_ms(2500, end_it);
	o = run_for(4 * SECOND);
	cr_expect_eq(o.ran_ns, 4 * SECOND);
	cr_expect(is_attached(PID));
	cr_expect_eq(count_of(&o, "stall"), 1);
	outcome_done(&o);
}

Test(session_everything, says_why_nothing_was_seen)
{
	struct outcome o = run_for(3 * SECOND);
	json_t *line = line_of(&o, "summary", 0);

	cr_expect_str_eq(json_string_value(json_object_get(line, "no_steps_reason")),
			 "no event loop runs on this machine");
	cr_expect_eq(o.code, EXIT_CANNOT_ATTACH);
	json_decref(line);
	outcome_done(&o);
}
