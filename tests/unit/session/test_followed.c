/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes a session watches (forks, execs, pids that are reused, programs by name), and how
 * often it examines them.
 */
#include "base/work.h"
#include "world_session.h"

static void fork_worker(void)
{
	process_begins(PID_2, PID, "python3 app.py worker");
	report_fork(PID, PID_2, false);
}

static void worker_steps(void)
{
	report_thread(PID_2, PID_2, LOOP, 0x6000);
	report_stall_of(PID_2, PID_2);
}

static void worker_ends(void)
{
	report_life(LS_REC_EXIT, PID_2, PID_2);
	process_ends(PID_2);
}

Test(session_followed, follows_what_a_target_forks)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	opts.duration_ns = 3 * SECOND;
	process_begins(PID, 1, "python3 app.py");
	at_ms(200, fork_worker);
	at_ms(700, worker_steps);
	at_ms(1000, worker_ends);
	at_ms(1500, report_stall);
	o = world_run(&opts, NULL);
	cr_expect_eq(o.code, EXIT_FINE);
	cr_expect_eq(count_of(&o, "stall"), 2);
	cr_expect_eq(world.probe.attached[1], PID_2);
	cr_expect_eq(o.ran_ns, 3 * SECOND, "the first one still runs");
	outcome_done(&o);
}

#define FIRST_CHILD 5000
#define CHILDREN 100

static void fork_many(void)
{
	for (pid_t pid = FIRST_CHILD; pid < FIRST_CHILD + CHILDREN; pid++) {
		process_begins(pid, PID, "python3 app.py child");
		report_fork(PID, pid, false);
	}
}

static void all_but_the_last_end(void)
{
	for (pid_t pid = FIRST_CHILD; pid < FIRST_CHILD + CHILDREN - 1; pid++)
		process_ends(pid);
}

/* What a storm of forks left behind. */
struct storm {
	size_t n_examined;
	json_int_t n_brief, n_unexamined;
};

static json_int_t lost_of(const json_t *summary, const char *name)
{
	return json_integer_value(json_object_get(json_object_get(summary, "lost"), name));
}

static struct storm run_storm(uint64_t life_ms)
{
	struct session_opts opts = world_opts();
	struct storm storm = { 0 };
	struct outcome o;
	json_t *line;

	opts.duration_ns = 30 * SECOND;
	/* The allowance is 20 examinations at once and two a second, also on a slow machine. */
	world.examine_cpu_ns = work_scaled_ns(10 * NS_PER_MS);
	process_begins(PID, 1, "python3 app.py");
	at_ms(500, report_stall);
	at_ms(1000, fork_many);
	at_ms(1000 + life_ms, all_but_the_last_end);
	o = world_run(&opts, NULL);
	cr_expect_eq(o.code, EXIT_FINE);
	cr_expect_geq(process_of(FIRST_CHILD + CHILDREN - 1)->n_examined, 1, "it lives");
	for (pid_t pid = FIRST_CHILD; pid < FIRST_CHILD + CHILDREN; pid++)
		storm.n_examined += process_of(pid)->n_examined > 0;
	line = line_of(&o, "summary", 0);
	storm.n_brief = lost_of(line, "child_brief");
	storm.n_unexamined = lost_of(line, "child_unexamined");
	json_decref(line);
	outcome_done(&o);
	return storm;
}

Test(session_followed, children_that_end_in_a_storm_are_counted)
{
	const struct storm storm = run_storm(10);

	cr_expect_leq(storm.n_examined, 25);
	cr_expect_eq(storm.n_brief + (json_int_t)storm.n_examined, CHILDREN);
	cr_expect_eq(storm.n_unexamined, 0);
}

Test(session_followed, children_that_are_too_many_are_named_a_loss)
{
	const struct storm storm = run_storm(3000);

	cr_expect_leq(storm.n_examined, 32);
	cr_expect_eq(storm.n_brief, 0);
	cr_expect_eq(storm.n_unexamined + (json_int_t)storm.n_examined, CHILDREN);
}

static void target_execs_cat(void)
{
	process_of(PID)->is_python = false;
	report_life(LS_REC_EXEC, PID, PID);
}

Test(session_followed, goes_on_when_a_target_executes_another_program)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	opts.duration_ns = 3 * SECOND;
	process_begins(PID, 1, "python3 app.py");
	at_ms(300, report_stall);
	at_ms(1000, target_execs_cat);
	o = world_run(&opts, NULL);
	cr_expect_eq(o.code, EXIT_FINE);
	cr_expect_gt(process_of(PID)->n_examined, 2, "it may become a Python again");
	outcome_done(&o);
}

static void reuse_pid(void)
{
	process_begins(PID_2, PID, "python3 app.py another");
	report_fork(PID, PID_2, true);
}

Test(session_followed, takes_a_reused_pid_for_another_process)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	opts.duration_ns = 3 * SECOND;
	process_begins(PID, 1, "python3 app.py");
	at_ms(200, fork_worker);
	at_ms(500, worker_steps);
	at_ms(800, worker_ends);
	at_ms(1000, reuse_pid);
	at_ms(1500, worker_steps);
	o = world_run(&opts, NULL);
	cr_expect_eq(count_of(&o, "stall"), 2);
	cr_expect_eq(world.probe.n_attached, 3);
	outcome_done(&o);
}

static void named_program_begins(void)
{
	process_begins(PID_3, 1, "python3 worker.py app.py");
	report_life(LS_REC_EXEC, PID_3, PID_3);
}

Test(session_followed, takes_a_program_of_that_name_that_comes_later)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	opts.n_pids = 0;
	opts.name = "app.py";
	opts.duration_ns = 2 * SECOND;
	process_begins(PID, 1, "python3 app.py");
	process_begins(PID_2, 1, "vi app.py")->is_python = false;
	at_ms(500, named_program_begins);
	o = world_run(&opts, NULL);
	cr_expect_eq(world.probe.n_attached, 2);
	cr_expect_eq(world.probe.attached[1], PID_3);
	cr_expect(world.probe.opts.tells_execs);
	outcome_done(&o);
}

static void editor_begins(void)
{
	process_begins(PID_2, 1, "vi app.py")->is_python = false;
}

static void service_begins(void)
{
	process_begins(PID_3, 1, "python3 app.py");
}

Test(session_followed, waits_for_a_program_of_that_name)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	opts.n_pids = 0;
	opts.name = "app.py";
	opts.is_patient = true;
	opts.duration_ns = 2 * SECOND;
	at_ms(500, editor_begins);
	at_ms(1500, service_begins);
	o = world_run(&opts, NULL);
	cr_expect_geq(o.code, 0, "%s", o.err.what);
	cr_expect_eq(world.probe.n_attached, 1);
	cr_expect_eq(world.probe.attached[0], PID_3);
	/* The time that was waited is none that was measured. */
	cr_expect_geq(o.ran_ns, 3500 * NS_PER_MS);
	outcome_done(&o);
}

static void signal_comes(void)
{
	raise(SIGINT);
}

Test(session_followed, a_signal_ends_the_waiting)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	opts.n_pids = 0;
	opts.name = "app.py";
	opts.is_patient = true;
	at_ms(500, signal_comes);
	o = world_run(&opts, NULL);
	cr_expect_eq(o.code, -EINTR);
	cr_expect(strstr(o.err.what, "a signal came before"), "%s", o.err.what);
	cr_expect_leq(o.ran_ns, SECOND);
	outcome_done(&o);
}

static void no_descriptor_is_left(void)
{
	world.naming_fails = -EMFILE;
	named_program_begins();
	report_life(LS_REC_EXEC, PID_2, PID_2);
}

static bool is_named;

static void look_into_the_log(void)
{
	const struct snapshot *snapshot;
	char wanted[128];

	snprintf(wanted, sizeof(wanted), "cannot tell whether process %d is one of 'app.py': %s",
		 PID_3, strerror(EMFILE));
	cr_assert_eq(model__snapshot(world.session->feed.model, &snapshot), 0);
	for (size_t i = 0; i < snapshot->n_log; i++)
		is_named |= snapshot->log[i].pid == PID_3 && !strcmp(snapshot->log[i].text, wanted);
}

/* It is no "no": the log names them, and they are counted. */
Test(session_followed, counts_programs_whose_name_cannot_be_read)
{
	struct session_opts opts = world_opts();
	struct outcome o;
	json_t *line;

	opts.n_pids = 0;
	opts.name = "app.py";
	opts.duration_ns = 2 * SECOND;
	process_begins(PID, 1, "python3 app.py");
	at_ms(500, no_descriptor_is_left);
	at_ms(1500, look_into_the_log);
	o = world_run(&opts, NULL);
	cr_expect_eq(world.probe.n_attached, 1);
	cr_expect(is_named);
	line = line_of(&o, "summary", 0);
	cr_expect_eq(json_integer_value(
			     json_object_get(json_object_get(line, "lost"), "child_unexamined")),
		     2);
	json_decref(line);
	outcome_done(&o);
}

static int n_looks;

static void count_looks(void)
{
	n_looks = process_of(PID)->n_examined;
}

/*
 * Expensive looks at a process that was asked for are not spread in its first second: its first
 * step may come at once. Later they take at most 2 % of a core.
 */
Test(session_followed, looks_often_at_first_at_what_was_asked_for)
{
	struct session_opts opts = world_opts();
	struct process *p;
	struct outcome o;

	world.examine_cpu_ns = 20 * NS_PER_MS;
	p = process_begins(PID, 1, "python3 app.py");
	p->is_changing = true;
	p->has_loop = false;
	opts.duration_ns = 10 * SECOND;
	at_ms(990, count_looks);
	o = world_run(&opts, NULL);
	cr_expect_gt(n_looks, 18, "14 if they were spread");
	cr_expect_leq(process_of(PID)->n_examined - n_looks, 10, "2 %% of 9 s");
	outcome_done(&o);
}
