/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of the threads that held the GIL: read for stalls that waited for it, and remembered.
 */
#include "world_session.h"

static void report_gil_stall(uint64_t id, enum ls_cause cause)
{
	static uint64_t span = 5000;
	const struct script now = { .now_ns = world.now_ns };
	struct ls_rec_stall stall = script_stall(&now, ++span, LS_UNIT_STEP);

	script_time(&stall, cause, 50 * MS);
	stall.gil_holder_tstate = 0x9000;
	stall.gil_holder_id = id;
	stall.hdr.tgid = PID;
	stall.hdr.tid = TID;
	report_record(&stall, sizeof(stall));
}

static void pool_holds_it(void)
{
	world.thread_name = "pool";
	report_gil_stall(7, LS_CAUSE_GIL);
}

static void pool_holds_it_again(void)
{
	report_gil_stall(7, LS_CAUSE_GIL);
}

static void pool_has_ended(void)
{
	world.thread_name = NULL;
	report_gil_stall(7, LS_CAUSE_GIL);
}

static void another_one_holds_it(void)
{
	report_gil_stall(8, LS_CAUSE_GIL);
}

static void nothing_waits(void)
{
	report_gil_stall(7, LS_CAUSE_SLEEP);
}

Test(holder_names, are_read_and_remembered)
{
	static const char *const names[] = { "pool-7", "pool-7", "pool-7", NULL, NULL };
	struct session_opts opts = world_opts();
	struct outcome o;

	opts.duration_ns = 6 * SECOND;
	process_begins(PID, 1, "python3 app.py");
	at_ms(500, pool_holds_it);
	at_ms(700, pool_holds_it_again);
	at_ms(2500, pool_has_ended);
	at_ms(2600, another_one_holds_it);
	at_ms(2700, nothing_waits);
	o = world_run(&opts, NULL);
	cr_expect_eq(world.n_thread_names, 1, "%u names read", world.n_thread_names);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		json_t *line = line_of(&o, "stall", i);
		const json_t *name = json_object_get(json_object_get(line, "gil_holder"), "name");

		if (names[i])
			cr_expect_str_eq(json_string_value(name), names[i]);
		else
			cr_expect(!name || json_is_null(name), "stall %zu has a name", i);
		json_decref(line);
	}
	outcome_done(&o);
}
