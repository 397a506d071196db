/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Callbacks and steps that run another loop: its polls, steps and waits are no turns of the outer
 * loop's.
 */
#include "arch_regs.h"
#include "bpf/host/expect.h"
#include "bpf/host/programs.h"
#include "core/span.h"

#define RUN_ONCE 0xabc8
#define SELECT 0xabd0
#define TICK 0xabd8
#define LOCAL(i) (72 + 8 * (i))
#define OWN_SP 0x2000
#define INNER_SP 0x900
#define INNER_EPOLL (LOOP_EPOLL + 1)

static uint64_t own_poll, callback, inner_loop, inner_task, inner_poll;

static uint64_t frame_with(uint64_t code, uint64_t local, uint64_t previous)
{
	const uint64_t frame = py__frame(code, 0x10, previous);

	py__alloc(64);
	memory__put(frame + LOCAL(0), local);
	return frame;
}

static uint64_t poll_of(uint64_t loop, uint64_t around)
{
	return frame_with(SELECT, 0, frame_with(RUN_ONCE, loop, around));
}

static void poll_return_at(uint64_t sp, uint64_t top)
{
	struct pt_regs regs = regs_of_call(sp, 0, 0, 0, 0);

	py__set_top(world.tstate, top);
	machine.cookie = LS_SPOT_POLL_RETURN;
	prog_spot(&regs);
}

/* The outer loop has waited, and runs a callback. */
static void begin(void)
{
	world__begin();
	world__know_loop();
	own_poll = poll_of(world.loop, world.loop_frame);
	callback = frame_with(TICK, 0, frame_with(RUN_ONCE, world.loop, world.loop_frame));
	inner_loop = py__object(python.other_type, 64);
	inner_task = py__task(inner_loop, "inner", py__coro(CODE + 8));
	inner_poll = poll_of(inner_loop, callback);
	step(world.task, US);
	py__set_top(world.tstate, own_poll);
	block(SYS_epoll_pwait, LOOP_EPOLL, 0, 0);
	pass(MS);
	wake();
	on_cpu();
	poll_return_at(OWN_SP, own_poll);
	step(world.task, US);
	at(10 * MS);
}

TestSuite(bpf_outer_loop, .init = begin);

static void inner_waits(uint64_t duration_ns)
{
	py__set_top(world.tstate, inner_poll);
	blocked(SYS_epoll_pwait, INNER_EPOLL, duration_ns);
	poll_return_at(INNER_SP, inner_poll);
}

static void inner_step(uint64_t duration_ns)
{
	py__set_top(world.tstate, callback);
	step_enter(inner_task, INNER_SP - 0x100);
	pass(duration_ns);
	step_exit(INNER_SP - 0x100);
}

static void outer_goes_on(void)
{
	py__set_top(world.tstate, callback);
	step(world.task, US);
}

Test(bpf_outer_loop, callbacks_that_run_another_loop)
{
	const struct ls_rec_stall *stall;

	poll_return_at(INNER_SP, inner_poll);
	inner_step(US);
	inner_waits(20 * MS);
	inner_step(US);
	inner_waits(20 * MS);
	inner_step(12 * MS);
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_STEP);
	cr_assert_eq(stall->loop, inner_loop);
	cr_assert_eq(stall->duration_ns, 12 * MS);
	outer_goes_on();
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_CALLBACK);
	cr_assert_eq(stall->loop, world.loop);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_NETWORK], 40 * MS);
	cr_assert(stall->duration_ns < 51 * MS, "%llu", stall->duration_ns);
	cr_assert_eq(count_records(LS_REC_THREAD), 2, "each loop is announced once");
	expect_no_stall();
}

/* uvloop runs what is ready before it polls. */
Test(bpf_outer_loop, whose_first_step_comes_before_its_poll)
{
	const struct ls_rec_stall *stall;

	inner_step(US);
	inner_waits(40 * MS);
	outer_goes_on();
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_CALLBACK);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_NETWORK], 40 * MS);
}

Test(bpf_outer_loop, step_that_runs_another_loop)
{
	const struct ls_rec_stall *stall;

	step_enter(world.task, 0x1000);
	inner_step(US);
	inner_waits(40 * MS);
	inner_step(US);
	step_exit(0x1000);
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_STEP);
	cr_assert_eq(stall->loop, world.loop, "its victims are those of its own loop");
	cr_assert_eq(stall->cause_ns[LS_CAUSE_NETWORK], 40 * MS);
}

/* nest_asyncio: the same loop runs again, and with it all its tasks. */
Test(bpf_outer_loop, the_same_loop_inside_a_callback)
{
	const uint64_t again = poll_of(world.loop, callback);

	py__set_top(world.tstate, again);
	block(SYS_epoll_pwait, LOOP_EPOLL, 0, 0);
	pass(40 * MS);
	wake();
	on_cpu();
	poll_return_at(INNER_SP, again);
	outer_goes_on();
	expect_no_stall();
}

/* The first loop is no longer on the stack. */
Test(bpf_outer_loop, one_loop_after_the_other)
{
	inner_poll = poll_of(inner_loop, world.loop_frame);
	callback = frame_with(TICK, 0, frame_with(RUN_ONCE, inner_loop, world.loop_frame));
	poll_return_at(INNER_SP, inner_poll);
	inner_step(US);
	inner_waits(40 * MS);
	inner_step(US);
	expect_no_stall();
	cr_assert_geq(totals().idle_ns, 41 * MS);
}

/* A native loop has no frames. Its structure has the thread while it runs. */
Test(bpf_outer_loop, a_native_loop_around_another_one)
{
	struct thread_state *ts = thread_of(&world.thread->task);
	const struct ls_rec_stall *stall;
	const uint64_t runner = world.loop_frame;

	loop_of(ts)->py.is_native = 1;
	ts->mark.code = 0;
	memory__put(world.loop + 40, THREAD_POINTER);
	py__alloc(256);
	py__set_top(world.tstate, runner);
	block(SYS_epoll_pwait, LOOP_EPOLL, 0, 0);
	pass(MS);
	wake();
	on_cpu();
	poll_return_at(OWN_SP, runner);
	step(world.task, US);
	inner_step(US);
	inner_waits(40 * MS);
	outer_goes_on();
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_CALLBACK);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_NETWORK], 40 * MS);
	memory__put(world.loop + 40, 0);
	inner_step(US);
	inner_waits(40 * MS);
	expect_no_stall();
}
