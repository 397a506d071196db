/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loop threads that are in a step or callback when they are found.
 */
#include "world_session.h"

#include "base/array.h"

static void is_stuck_in_a_step(void)
{
	world.loop_state = LOOP_STATE_OUTSIDE;
	world.step = (struct target_step){ .frame = 1,
					   .task = 0x600,
					   .coro = 0x700,
					   .counted_as = 0x600,
					   .name = script_pystr("early") };
	world.stack.n_frames = 4;
	for (uint64_t i = 0; i < 4; i++)
		world.stack.frames[i].at.code = 0x100 * (i + 1);
	world.probe.is_open_late = true;
	world.probe.open_since_ns = world.now_ns;
}

/* Attached to a loop that hangs: reported at the first look, with the task it was found in. */
Test(inside, reports_a_stall_that_began_before)
{
	struct session_opts opts = world_opts();
	struct outcome o;
	json_t *line;

	opts.duration_ns = 5 * SECOND;
	process_begins(PID, 1, "python3 app.py");
	is_stuck_in_a_step();
	o = world_run(&opts, NULL);
	cr_expect_eq(world.probe.n_inside, 1);
	cr_expect_eq(world.probe.n_made, 1);
	cr_expect_eq(world.probe.inside.poll_fd, 5);
	cr_expect_eq(world.probe.inside.coro, 0x700);
	cr_expect_eq(world.probe.inside.code, 0x200);
	cr_expect_eq(world.probe.inside.n_frames, 2, "up to the coroutine's");
	cr_expect_eq(world.probe.inside.flags, LS_STACK_AT_CORO);
	cr_expect_eq(count_of(&o, "stall"), 2, "%zu stalls", count_of(&o, "stall"));
	line = line_of(&o, "stall", 0);
	cr_expect(json_is_true(json_object_get(line, "began_before_attach")));
	cr_expect_lt(json_integer_value(json_object_get(line, "duration_ns")),
		     (json_int_t)(SECOND / 2));
	cr_expect_str_eq(text_of(line, "task", "name"), "early");
	json_decref(line);
	outcome_done(&o);
}

/* One that is in its poll, or stopped, or unreadable. */
Test(inside, accuses_no_loop_that_may_wait)
{
	static const enum loop_state states[] = { LOOP_STATE_UNKNOWN, LOOP_STATE_POLLS,
						  LOOP_STATE_STOPPED, LOOP_STATE_TRACED,
						  LOOP_STATE_FROZEN };
	struct session_opts opts = world_opts();
	struct outcome o;

	opts.duration_ns = SECOND;
	process_begins(PID, 1, "python3 app.py");
	is_stuck_in_a_step();
	for (size_t i = 0; i < N_OF(states); i++) {
		world.loop_state = states[i];
		o = world_run(&opts, NULL);
		cr_expect_eq(world.probe.n_inside, 0, "state %d", states[i]);
		cr_expect_eq(world.probe.n_made, 0);
		outcome_done(&o);
	}
}

/* Nothing but the poll is known of the loop: no step will show its thread. */
Test(inside, a_bare_loop_is_made_known_when_it_is_found)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	opts.duration_ns = SECOND;
	process_begins(PID, 1, "python3 app.py");
	world.loop_state = LOOP_STATE_POLLS;
	world.kind = &world_bare_loop;
	o = world_run(&opts, NULL);
	cr_expect_eq(world.probe.n_inside, 0);
	cr_expect_eq(world.probe.n_made, 1, "made %d times", (int)world.probe.n_made);
	outcome_done(&o);
}

/* In no task's step: a callback, with the whole stack. */
Test(inside, a_callback)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	opts.duration_ns = SECOND;
	process_begins(PID, 1, "python3 app.py");
	is_stuck_in_a_step();
	world.step.coro = 0;
	o = world_run(&opts, NULL);
	cr_expect_eq(world.probe.n_inside, 1);
	cr_expect_eq(world.probe.inside.coro, 0);
	cr_expect_eq(world.probe.inside.n_frames, 4);
	outcome_done(&o);
}

/* Of a stack that changes the inner frames are not known, of a deep one the outer ones are cut. */
Test(inside, stacks_that_are_not_whole)
{
	struct session_opts opts = world_opts();
	struct outcome o;

	opts.duration_ns = SECOND;
	process_begins(PID, 1, "python3 app.py");
	is_stuck_in_a_step();
	world.stack.is_torn = true;
	o = world_run(&opts, NULL);
	cr_expect_eq(world.probe.inside.n_frames, 0);
	cr_expect_eq(world.probe.inside.code, 0x200);
	outcome_done(&o);
	world.stack.is_torn = false;
	world.stack.n_frames = TARGET_STACK_FRAMES;
	world.step.frame = LS_MAX_FRAMES;
	o = world_run(&opts, NULL);
	cr_expect_eq(world.probe.inside.n_frames, LS_MAX_FRAMES);
	cr_expect_eq(world.probe.inside.flags, LS_STACK_TRUNCATED);
	outcome_done(&o);
}
