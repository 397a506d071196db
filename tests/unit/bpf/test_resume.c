/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Steps of tasks written in Python: what is a step and what is not, exceptions thrown into a task,
 * announced tasks.
 */
#include "arch_regs.h"
#include "bpf/host/expect.h"
#include "bpf/host/programs.h"

TestSuite(bpf_resume, .init = world__begin);

static int at_spot(uint64_t kind, uint64_t first, uint64_t second, uint64_t third, uint64_t sp)
{
	struct pt_regs regs = regs_of_call(sp, first, second, third, third);

	machine.cookie = kind;
	return prog_spot(&regs);
}

Test(bpf_resume, a_coroutine_that_is_resumed_is_a_step)
{
	resume(world.coro, 0x1000);
	pass(20 * MS);
	resume_exit(0x1000);
	cr_assert_eq(expect_stall(LS_UNIT_STEP, 0, 20 * MS)->coro, world.coro);
	cr_assert_eq(next_record(LS_REC_THREAD), NULL, "which came before");
	cr_assert_eq(count_records(LS_REC_THREAD), 1);
	cr_assert_eq(machine.records[0].thread.loop, world.tstate,
		     "the loop goes by its thread state");
	cr_assert_eq(stats_of(CODE)->steps, 1);
}

Test(bpf_resume, a_generator_is_none)
{
	resume(py__object(python.other_type, 160), 0x1000);
	cr_assert_null(world.thread->storage[0], "it makes no loop thread");
	resume(world.coro, 0x1000);
	resume_exit(0x1000);
	resume(py__object(python.other_type, 160), 0x1000);
	resume_exit(0x1000);
	cr_assert_eq(totals().steps, 1);
}

/* Somebody plays with a coroutine inside a step: it is no step of a scheduler's. */
Test(bpf_resume, a_coroutine_resumed_inside_a_step)
{
	uint64_t inner = py__coro(CODE + 0x10), own;

	resume(world.coro, 0x2000);
	own = py__coro_frame(world.coro, 0x10, world.loop_frame);
	py__set_top(world.tstate, py__frame(0xbeef, 0, own));
	pass(5 * MS);
	resume(inner, 0x1000);
	pass(15 * MS);
	resume_exit(0x1000);
	resume_exit(0x2000);
	expect_stall(LS_UNIT_STEP, 0, 20 * MS);
	cr_assert_eq(totals().steps, 1);
	/* The scheduler itself does it: a step inside a step. */
	py__set_top(world.tstate, world.loop_frame);
	resume(world.coro, 0x2000);
	resume(inner, 0x1000);
	resume_exit(0x1000);
	resume_exit(0x2000);
	cr_assert_eq(totals().steps, 3);
}

/* 3.11 on: the evaluation function is called with the coroutine's own frame, already on top. */
Test(bpf_resume, by_the_frame_of_the_coroutine)
{
	uint64_t frame = py__coro_frame(world.coro, 0, world.loop_frame);

	py__set_top(world.tstate, frame);
	at_spot(LS_SPOT_RESUME_FRAME, world.tstate, frame, 0, 0x1000);
	pass(20 * MS);
	at_spot(LS_SPOT_RESUME_EXIT, 0, 0, 0, 0x1000);
	cr_assert_eq(expect_stall(LS_UNIT_STEP, 0, 20 * MS)->coro, world.coro);
}

/* An exception arrives at the innermost coroutine first; the task's own is the outermost. */
Test(bpf_resume, an_exception_thrown_through_a_chain_is_one_step)
{
	uint64_t inner = py__coro(CODE + 0x10), outer_frame;

	resume(world.coro, 0x2000);
	resume_exit(0x2000);
	outer_frame = py__coro_frame(world.coro, 0, world.loop_frame);
	py__set_top(world.tstate, outer_frame);
	at_spot(LS_SPOT_RESUME_THROW, inner, 0, 0, 0x1000);
	at_spot(LS_SPOT_RESUME_EXIT, 0, 0, 0, 0x1000);
	py__set_top(world.tstate, world.loop_frame);
	at_spot(LS_SPOT_RESUME_THROW, world.coro, 0, 0, 0x1000);
	at_spot(LS_SPOT_RESUME_EXIT, 0, 0, 0, 0x1000);
	cr_assert_eq(stats_of(CODE)->steps, 2);
	cr_assert_null(stats_of(CODE + 0x10));
}

Test(bpf_resume, what_is_thrown_makes_no_loop_thread)
{
	at_spot(LS_SPOT_RESUME_THROW, world.coro, 0, 0, 0x1000);
	at_spot(LS_SPOT_RESUME_CORO, world.coro, 0, 1, 0x1000);
	cr_assert_null(world.thread->storage[0]);
}

Test(bpf_resume, announced_tasks)
{
	at_spot(LS_SPOT_TASK_RESUME, world.coro, 0, 0, 0x1000);
	cr_assert_null(world.thread->storage[0], "nobody has announced it");
	at_spot(LS_SPOT_TASK_ANNOUNCE, 0, 0, 0, 0x2000);
	at_spot(LS_SPOT_TASK_RESUME, world.coro, 0, 0, 0x1000);
	pass(20 * MS);
	/* Inside it others are resumed, which is not announced. */
	at_spot(LS_SPOT_TASK_RESUME, py__coro(CODE), 0, 0, 0x800);
	at_spot(LS_SPOT_TASK_LEAVE, 0, 0, 0, 0x1800);
	expect_stall(LS_UNIT_STEP, 0, 20 * MS);
	cr_assert_eq(totals().steps, 1);
}

Test(bpf_resume, ends_that_are_none)
{
	resume(world.coro, 0x3000);
	resume(world.coro, 0x2000);
	resume_exit(0x1000);
	cr_assert_eq(totals().steps, 0);
	resume_exit(0x3000);
	cr_assert_eq(totals().steps, 1);
	cr_assert_eq(machine__loss(LS_LOSS_STEP_UNMATCHED), 0);
}
