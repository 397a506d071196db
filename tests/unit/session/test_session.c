/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole sessions over a scripted kernel side and scripted processes: what is reported, and what
 * ends them.
 */
#include "world_session.h"

static void end_target(void)
{
	process_ends(PID);
}

static void first_step(void)
{
	report_thread(PID, TID, LOOP, 0x5000);
}

Test(session, reports_steps_and_stalls)
{
	struct session_opts opts = world_opts();
	struct outcome o;
	json_t *line;

	process_begins(PID, 1, "python3 app.py");
	at_ms(100, first_step);
	at_ms(300, report_stall);
	at_ms(2000, end_target);
	o = world_run(&opts, NULL);
	cr_expect_eq(o.code, EXIT_FINE);
	cr_expect_eq(count_of(&o, "start"), 1);
	cr_expect_eq(count_of(&o, "stall"), 1);
	cr_expect_eq(count_of(&o, "summary"), 1);
	line = line_of(&o, "stall", 0);
	cr_expect_str_eq(text_of(line, "coroutine", "name"), "handler");
	cr_expect_str_eq(text_of(line, "call", "function"), "fetch_row");
	json_decref(line);
	cr_expect_eq(o.ran_ns, 2 * SECOND, "it ends with its target");
	cr_expect_eq(world.probe.detached[0], PID);
	outcome_done(&o);
}

static void step_gets_stuck(void)
{
	world.probe.open_since_ns = world.now_ns;
}

/* A session of so many seconds; a step gets stuck after half a second. */
static struct outcome run_stuck(unsigned int seconds)
{
	struct session_opts opts = world_opts();

	opts.duration_ns = seconds * SECOND;
	process_begins(PID, 1, "python3 app.py");
	at_ms(100, first_step);
	at_ms(500, step_gets_stuck);
	return world_run(&opts, NULL);
}

/* A step that never ends: reported at one second and at ten, and counted once. */
Test(session, reports_a_stall_that_does_not_end)
{
	struct outcome o = run_stuck(15);
	json_t *line;

	cr_expect_eq(count_of(&o, "stall"), 3, "%zu stalls", count_of(&o, "stall"));
	for (size_t i = 0; i < 3; i++) {
		line = line_of(&o, "stall", i);
		cr_expect(json_is_true(json_object_get(line, "is_open")));
		cr_expect_str_eq(json_string_value(json_object_get(line, "end")), "running");
		cr_expect_str_eq(text_of(line, "task", "name"), "stuck");
		cr_expect_str_eq(text_of(line, "call", "function"), "fetch_row");
		json_decref(line);
	}
	line = line_of(&o, "summary", 0);
	cr_expect_eq(json_integer_value(json_object_get(line, "stalls")), 1);
	json_decref(line);
	outcome_done(&o);
}

static void step_goes_on(void)
{
	world.probe.open_since_ns = 0;
}

/* What ends within a second is reported at its end only. */
Test(session, does_not_report_a_stall_twice_that_ends_soon)
{
	struct outcome o;

	at_ms(1400, step_goes_on);
	o = run_stuck(5);
	cr_expect_eq(count_of(&o, "stall"), 0);
	outcome_done(&o);
}

/* As light mode does of a step that began in exact mode: its victims were not read. */
static void stuck_step_ends_without_victims(void)
{
	const struct script now = { .now_ns = world.now_ns };
	struct ls_rec_stall stall = script_stall(&now, 7000, LS_UNIT_STEP);

	script_time(&stall, LS_CAUSE_LOCK, world.now_ns - world.probe.open_since_ns);
	stall.start_ns = world.probe.open_since_ns;
	stall.hdr.ts_ns = world.now_ns;
	stall.flags |= LS_STALL_VICTIMS_UNKNOWN;
	report_record(&stall, sizeof(stall));
	world.probe.open_since_ns = 0;
}

/* Three tasks are due when a look finds them: they wait on to the end, others may have joined. */
Test(session, who_waited_at_a_look_waits_until_the_end)
{
	struct outcome o;
	json_t *line, *victims;
	json_int_t starved_ns;

	at_ms(1400, stuck_step_ends_without_victims);
	o = run_stuck(5);
	line = line_of(&o, "stall", 0);
	victims = json_object_get(line, "victims");
	cr_expect_eq(json_integer_value(json_object_get(victims, "count")), 3);
	cr_expect(json_is_true(json_object_get(victims, "is_known")));
	cr_expect(json_is_true(json_object_get(victims, "is_cut")));
	starved_ns = json_integer_value(json_object_get(victims, "starved_ns"));
	cr_expect(starved_ns > 0 && starved_ns <= 3 * 250 * (json_int_t)MS, "%lld", starved_ns);
	json_decref(line);
	outcome_done(&o);
}

static void another_loop_runs(void)
{
	world.thread_loop = LOOP + 0x1000;
	world.probe.open_loop = 0x5000;
	report_thread(PID, TID, 0x5000, 0x5000);
}

/* The kernel side knows the second one by its thread only. */
Test(session, looks_who_waits_for_the_loop_that_is_stuck)
{
	struct outcome o;

	at_ms(300, another_loop_runs);
	o = run_stuck(3);
	cr_expect_eq(world.stuck_loop.py.ready, LOOP + 0x1010);
	cr_expect_eq(world.stuck.tstate, 0x5000);
	cr_expect_eq(world.stuck.coro, OPEN_CORO);
	outcome_done(&o);
}

Test(session, ends_when_the_duration_is_over)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	opts.duration_ns = 5 * SECOND;
	process_begins(PID, 1, "python3 app.py");
	at_ms(300, report_stall);
	o = world_run(&opts, NULL);
	cr_expect_eq(o.code, EXIT_FINE);
	cr_expect_eq(o.ran_ns, 5 * SECOND);
	outcome_done(&o);
}

/* A task that waits for itself is found at the second look, and stays one. */
Test(session, looks_at_lives)
{
	struct session_opts opts = world_opts();
	struct outcome o;
	json_t *line, *life;

	opts.duration_ns = 5 * SECOND;
	process_begins(PID, 1, "python3 app.py");
	at_ms(300, report_stall);
	o = world_run(&opts, NULL);
	line = line_of(&o, "summary", 0);
	cr_assert_eq(json_array_size(json_object_get(line, "lifecycle")), 2);
	life = json_array_get(json_object_get(line, "lifecycle"), 0);
	cr_expect_str_eq(json_string_value(json_object_get(life, "kind")), "deadlock");
	cr_expect_geq(json_integer_value(json_object_get(life, "problem_ns")),
		      3 * (json_int_t)SECOND);
	life = json_array_get(json_object_get(line, "lifecycle"), 1);
	cr_expect_str_eq(json_string_value(json_object_get(life, "kind")), "alive");
	cr_expect_eq(json_integer_value(json_object_get(life, "unawaited")), 1);
	json_decref(line);
	outcome_done(&o);
}

/* Looked at once a second: it was full from the first look to the last. */
Test(session, looks_at_pools)
{
	struct session_opts opts = world_opts();
	struct outcome o;
	json_t *line, *pool;

	opts.duration_ns = 5 * SECOND;
	process_begins(PID, 1, "python3 app.py");
	at_ms(300, report_stall);
	o = world_run(&opts, NULL);
	line = line_of(&o, "summary", 0);
	pool = json_array_get(json_object_get(line, "pools"), 0);
	cr_expect_str_eq(json_string_value(json_object_get(pool, "name")), "reports");
	cr_expect_geq(json_integer_value(json_object_get(pool, "full_ns")), 3 * (json_int_t)SECOND);
	json_decref(line);
	outcome_done(&o);
}

static void interrupt(void)
{
	kill(getpid(), SIGINT);
}

Test(session, ends_with_a_summary_at_sigint)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	process_begins(PID, 1, "python3 app.py");
	at_ms(300, report_stall);
	at_ms(1500, interrupt);
	o = world_run(&opts, NULL);
	cr_expect_eq(o.code, EXIT_FINE);
	cr_expect_eq(count_of(&o, "summary"), 1);
	outcome_done(&o);
}

Test(session, says_that_no_loop_was_found)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	opts.duration_ns = 4 * SECOND;
	process_begins(PID, 1, "python3 app.py")->has_loop = false;
	o = world_run(&opts, NULL);
	cr_expect_eq(o.code, EXIT_CANNOT_ATTACH);
	outcome_done(&o);
}

/* Whether there is one is not known then. */
Test(session, says_why_no_loop_was_found)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	opts.duration_ns = 4 * SECOND;
	process_begins(PID, 1, "python3 app.py");
	world.loops_fail = -EINTR;
	o = world_run(&opts, NULL);
	cr_expect_eq(o.code, EXIT_INCONCLUSIVE);
	cr_expect(strstr(o.text, "a signal came before its event loops were found"), "%s", o.text);
	outcome_done(&o);
}

Test(session, ends_at_a_signal_before_it_attaches)
{
	struct session_opts opts = world_opts();
	sigset_t mask;
	struct outcome o;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	interrupt();
	process_begins(PID, 1, "python3 app.py");
	o = world_run(&opts, NULL);
	cr_expect_eq(o.code, -EINTR);
	cr_expect_str_eq(o.err.what, "a signal came before anything was measured");
	cr_expect_eq(world.probe.n_attached, 0);
	outcome_done(&o);
}

Test(session, returns_why_it_cannot_attach)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	process_begins(PID, 1, "python3 app.py");
	world.probe_fails = -EPERM;
	o = world_run(&opts, NULL);
	cr_expect_eq(o.code, -EPERM);
	cr_expect_str_eq(o.err.what, "the kernel refuses the BPF programs");
	outcome_done(&o);
}

Test(session, refuses_what_is_no_python)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	process_begins(PID, 1, "cat")->is_python = false;
	o = world_run(&opts, NULL);
	cr_expect_eq(o.code, -ENOEXEC);
	outcome_done(&o);
}

static void no_stall_but_counts(void)
{
	world.probe.losses[LS_LOSS_STALL_SHED] += 40;
}

Test(session, sheds_when_its_own_cost_is_high)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	opts.duration_ns = 8 * SECOND;
	world.cpu_share = 0.2;
	process_begins(PID, 1, "python3 app.py");
	at_ms(300, report_stall);
	at_ms(3000, no_stall_but_counts);
	o = world_run(&opts, NULL);
	cr_expect_lt(world.probe.least_stalls_per_s, 100);
	cr_expect_eq(count_of(&o, "shed"), 1);
	outcome_done(&o);
}

static void get_busy(void)
{
	world.probe.hits_per_s = 200000;
	world.probe.handles_per_s = 50000;
}

static void get_quiet(void)
{
	world.probe.hits_per_s = world.probe.handles_per_s = 100;
}

Test(session, auto_goes_light_under_load_and_back)
{
	struct session_opts opts = world_opts();
	struct outcome o;
	json_t *line;

	opts.mode = MEASURE_MODE_AUTO;
	opts.duration_ns = 30 * SECOND;
	process_begins(PID, 1, "python3 app.py");
	at_ms(1000, report_stall);
	at_ms(2000, get_busy);
	at_ms(12000, get_quiet);
	o = world_run(&opts, NULL);
	cr_expect_eq(o.code, EXIT_FINE);
	cr_expect_geq(world.probe.n_switches, 2);
	cr_expect_not(world.probe.is_light, "exact again");
	cr_expect_gt(world.probe.n_with_uprobes, 0);
	cr_expect_not(world.probe.is_removed_early);
	line = line_of(&o, "summary", 0);
	cr_expect_gt(
		json_integer_value(json_object_get(json_object_get(line, "modes"), "light_ns")),
		(json_int_t)(5 * SECOND));
	json_decref(line);
	outcome_done(&o);
}

Test(session, auto_stays_light_when_probes_cannot_be_put_back)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	opts.mode = MEASURE_MODE_AUTO;
	opts.duration_ns = 20 * SECOND;
	process_begins(PID, 1, "python3 app.py");
	world.uprobes_fail = -EACCES;
	at_ms(2000, get_busy);
	o = world_run(&opts, NULL);
	cr_expect(world.probe.is_light);
	cr_expect_eq(world.probe.n_switches, 1);
	outcome_done(&o);
}

static void open_span(void)
{
	world.probe.has_open_span = true;
}

static int on_judged_end(void *ctx, const struct snapshot *snapshot, const struct session_end *end)
{
	(void)ctx;
	cr_expect_eq(snapshot->stalls, 1);
	cr_expect_eq(end->duration_ns, 2 * SECOND);
	return EXIT_LIMIT;
}

static int on_judged_read(void *ctx, const struct snapshot *snapshot, uint64_t now_ns)
{
	(void)snapshot;
	(void)now_ns;
	(*(int *)ctx)++;
	return 0;
}

Test(session, a_judge_has_the_last_word)
{
	static const struct sink_ops ops = { .read = on_judged_read, .end = on_judged_end };
	struct session_opts opts = world_opts();
	int n_reads = 0;
	struct sink judge = {
		.ops = &ops, .ctx = &n_reads, .needs_every_step = true, .stalls_per_s = 1500
	};
	struct outcome o;

	opts.mode = MEASURE_MODE_AUTO;
	opts.duration_ns = 2 * SECOND;
	process_begins(PID, 1, "python3 app.py");
	get_busy();
	at_ms(300, report_stall);
	o = world_run(&opts, &judge);
	cr_expect_eq(o.code, EXIT_LIMIT);
	cr_expect_gt(n_reads, 2);
	cr_expect_eq(world.probe.n_switches, 0, "a judge needs every step");
	cr_expect_eq(world.probe.stalls_per_s, 1500);
	outcome_done(&o);
}

Test(session, records_beside_the_report)
{
	char path[] = "/tmp/loopstall-session-XXXXXX";
	const struct recorder_opts record = { .path = path, .may_replace = true };
	struct session_opts opts = world_opts();
	struct outcome o;

	close(mkstemp(path));
	opts.record = &record;
	opts.duration_ns = 2 * SECOND;
	process_begins(PID, 1, "python3 app.py");
	at_ms(300, report_stall);
	at_ms(600, open_span);
	o = world_run(&opts, NULL);
	cr_expect_eq(o.code, EXIT_FINE);
	cr_expect_eq(count_of(&o, "stall"), 1);
	unlink(path);
	outcome_done(&o);
}

/* What a dashboard does. */
struct front {
	struct timer timer;
	int n_turns;
};

static int on_front_due(void *ctx, uint64_t now_ns)
{
	struct front *f = ctx;
	struct session *s = world.session;
	char text[256];

	f->timer.due_ns = now_ns + SECOND / 4;
	cr_expect_eq(session__read(s, now_ns), 0);
	cr_expect_eq(session__count_tasks(s, true), 0);
	cr_expect(session__is_counting_tasks(s));
	cr_expect_eq(session__read_tasks(s, now_ns), 0);
	cr_expect_eq(session__read_spans(s, now_ns, 50 * MS),
		     world.probe.has_open_span && process_of(PID)->is_alive);
	session__describe(s, text, sizeof(text));
	cr_expect(strstr(text, "3.11.2"), "%s", text);
	if (++f->n_turns == 8)
		cr_expect_eq(session__set_threshold(s, 20 * MS), 0);
	if (f->n_turns == 12)
		session__reset(s);
	if (f->n_turns == 16)
		session__stop(s);
	return 0;
}

static int begin_front(void *ctx)
{
	struct front *f = ctx;

	f->timer = (struct timer){ .fn = on_front_due, .ctx = f };
	loop__add_timer(session__loop(world.session), &f->timer);
	return 0;
}

Test(session, a_front_outlives_its_targets)
{
	static const struct sink_ops ops = { .begin = begin_front };
	struct front front = {};
	struct sink sink = { .ops = &ops,
			     .ctx = &front,
			     .outlives_targets = true,
			     .paces_reads = true,
			     .lists_stalls = true };
	struct session_opts opts = world_opts();
	struct outcome o;

	process_begins(PID, 1, "python3 app.py");
	at_ms(300, report_stall);
	at_ms(600, open_span);
	at_ms(2000, end_target);
	at_ms(3500, report_stall);
	o = world_run(&opts, &sink);
	cr_expect_eq(o.code, EXIT_FINE);
	cr_expect_eq(front.n_turns, 16);
	cr_expect_eq(world.probe.opts.threshold_ns, 20 * MS);
	outcome_done(&o);
}

Test(session, ends_quietly_when_a_sink_has_no_reader)
{
	struct session_opts opts = world_opts();
	int ends[2];
	struct loop_fd reader;
	struct session *s = NULL;
	struct err err = {};

	cr_assert_eq(pipe(ends), 0);
	process_begins(PID, 1, "python3 app.py");
	cr_assert_eq(session__new(&s, &opts, &err), 0);
	sink__watch_reader(s, &reader, ends[1]);
	close(ends[0]);
	cr_assert_eq(session__add_targets(s, &err), 0);
	cr_expect_eq(session__run(s, &err), EXIT_FINE);
	session__free(s);
}

static void end_command(void)
{
	process_ends(world.processes[0].pid);
}

static int run_command(const char *script)
{
	struct session_opts opts = world_opts();
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
	struct child child = CHILD_INIT;
	struct err err = {};
	struct outcome o;

	cr_assert_eq(child__start(&child, argv, &err), 0);
	opts.n_pids = 0;
	opts.child = &child;
	opts.command = "sh";
	process_begins(child.pid, 1, "python3 app.py");
	at_ms(300, report_stall);
	at_ms(1000, end_command);
	o = world_run(&opts, NULL);
	cr_expect_eq(count_of(&o, "stall"), 1);
	child__done(&child);
	outcome_done(&o);
	return o.code;
}

Test(session, ends_with_its_command)
{
	cr_expect_eq(run_command("exit 0"), EXIT_FINE);
}

Test(session, says_that_its_command_has_failed)
{
	cr_expect_eq(run_command("exit 3"), EXIT_COMMAND_FAILED);
}
