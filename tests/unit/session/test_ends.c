/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last moment of a measurement: what ends while the last values are read is counted as often as
 * it is reported.
 */
#include "world_session.h"

/* A stall that ends between the records and the counters. */
static void stall_at_the_last_read(void)
{
	if (!world.session->life.is_over)
		return;
	report_stall();
	world.probe.stats.stalls++;
	world.probe.on_read = NULL;
}

static uint64_t stalls_of(const struct outcome *o)
{
	json_t *line = line_of(o, "summary", 0);
	const uint64_t n = (uint64_t)json_integer_value(json_object_get(line, "stalls"));

	cr_assert_not_null(line);
	json_decref(line);
	return n;
}

static void run_for_2_s(struct session_opts *opts, struct outcome *ret)
{
	opts->duration_ns = 2 * SECOND;
	process_begins(PID, 1, "python3 app.py");
	*ret = world_run(opts, NULL);
	cr_expect_eq(ret->code, EXIT_FINE);
}

Test(ends, a_stall_of_the_last_moment_is_counted_and_reported)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	world.probe.on_read = stall_at_the_last_read;
	run_for_2_s(&opts, &o);
	cr_expect_eq(stalls_of(&o), 1);
	cr_expect_eq(count_of(&o, "stall"), 1);
	outcome_done(&o);
}

/* The step that was reported as running ends for the kernel side as well. */
static void open_step_ends(void)
{
	const struct script now = { .now_ns = world.now_ns };
	struct ls_rec_stall stall = script_stall(&now, 7000, LS_UNIT_STEP);

	script_time(&stall, LS_CAUSE_LOCK, world.now_ns - world.probe.open_since_ns);
	stall.start_ns = world.probe.open_since_ns;
	report_record(&stall, sizeof(stall));
	world.probe.stats.stalls++;
	world.probe.open_since_ns = 0;
}

static void step_gets_stuck(void)
{
	world.probe.open_since_ns = world.now_ns;
}

Test(ends, a_stall_that_was_cut_is_not_reported_again)
{
	struct session_opts opts = world_opts();
	struct outcome o;
	json_t *line;

	at_ms(1500, step_gets_stuck);
	world.probe.on_cut = open_step_ends;
	run_for_2_s(&opts, &o);
	cr_expect_eq(stalls_of(&o), 1);
	cr_expect_eq(count_of(&o, "stall"), 1);
	line = line_of(&o, "stall", 0);
	cr_expect_str_eq(json_string_value(json_object_get(line, "end")), "running");
	json_decref(line);
	outcome_done(&o);
}

/* Another one ends when all are read that had ended. */
static void stall_behind_the_last_read(void)
{
	report_stall();
	world.probe.stats.stalls++;
}

Test(ends, a_stall_behind_the_last_read_is_both_counted_and_reported)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	at_ms(1500, step_gets_stuck);
	world.probe.on_cut = stall_behind_the_last_read;
	run_for_2_s(&opts, &o);
	cr_expect_eq(stalls_of(&o), 2);
	cr_expect_eq(count_of(&o, "stall"), 2);
	outcome_done(&o);
}

static void end_worker(void)
{
	process_ends(PID_2);
}

/* Its pool was full. What was full once stays known, but not as something that still is. */
Test(ends, a_worker_that_has_ended_uses_no_pool)
{
	struct session_opts opts = world_opts();
	static const pid_t pids[] = { PID, PID_2 };
	struct outcome o;
	json_t *line, *pools;

	opts.pids = pids;
	opts.n_pids = 2;
	opts.duration_ns = 9 * SECOND;
	process_begins(PID, 1, "python3 app.py");
	process_begins(PID_2, 1, "python3 app.py");
	at_ms(300, report_stall);
	at_ms(5000, end_worker);
	o = world_run(&opts, NULL);
	line = line_of(&o, "summary", 0);
	pools = json_object_get(line, "pools");
	cr_assert_eq(json_array_size(pools), 2);
	for (size_t i = 0; i < 2; i++) {
		const json_t *pool = json_array_get(pools, i);
		const bool is_worker = json_integer_value(json_object_get(pool, "pid")) == PID_2;

		cr_expect_eq(json_integer_value(json_object_get(pool, "busy")), is_worker ? 0 : 2);
		cr_expect_gt(json_integer_value(json_object_get(pool, "full_ns")),
			     2 * (json_int_t)SECOND);
	}
	json_decref(line);
	outcome_done(&o);
}
