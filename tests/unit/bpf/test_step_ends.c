/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between which awaits a step ran: read at its beginning and its end, and only where it is worth
 * it.
 */
#include "bpf/host/expect.h"

#define INNER (CODE + 0x10)

static uint64_t inner, future;

/* The task's coroutine awaits another one, which awaits a future. */
static void suspend(uint64_t position)
{
	py__coro_await(inner, position, future);
	py__coro_await(world.coro, 0x10, inner);
}

static void begin(void)
{
	world__begin();
	inner = py__coro(INNER);
	future = py__object(python.other_type, 32);
}

TestSuite(bpf_step_ends, .init = begin);

static void run(void)
{
	py__coro_run(inner);
	py__coro_run(world.coro);
}

/* A step of so long that is suspended at `position` in the end. */
static void step_to(uint64_t duration_ns, uint64_t position)
{
	step_enter(world.task, 0x1000);
	run();
	pass(duration_ns);
	suspend(position);
	step_exit(0x1000);
}

static void check_suspended(const struct ls_await *end, uint64_t position)
{
	cr_assert_eq(end->state, LS_AWAIT_SUSPENDED, "state %u", end->state);
	cr_assert_eq(end->frame.code, INNER);
	cr_assert_eq(end->frame.position, position);
}

static unsigned int lost(uint32_t loss)
{
	const uint64_t *count = bpf_map_lookup_elem(&losses, &loss);

	return (unsigned int)*count;
}

Test(bpf_step_ends, of_steps_between_two_awaits)
{
	const struct ls_rec_stall *stall;

	suspend(0x20);
	step_to(20 * MS, 0x30);
	stall = take_stall();
	/* It was not known to stall. */
	cr_assert_eq(stall->from.state, LS_AWAIT_UNKNOWN);
	check_suspended(&stall->to, 0x30);
	step_to(20 * MS, 0x40);
	stall = take_stall();
	check_suspended(&stall->from, 0x30);
	check_suspended(&stall->to, 0x40);
	step_to(MS, 0x50);
	step_to(20 * MS, 0x60);
	stall = take_stall();
	check_suspended(&stall->from, 0x50);
	check_suspended(&stall->to, 0x60);
	cr_assert_eq(lost(LS_LOSS_AWAIT_UNREADABLE), 0);
}

static const struct ls_rec_stall *end_as(enum py_task_state state, uint64_t exception)
{
	step_enter(world.task, 0x1000);
	run();
	pass(20 * MS);
	py__task_end(world.task, state, exception);
	step_exit(0x1000);
	return take_stall();
}

Test(bpf_step_ends, of_steps_that_begin_and_end_the_coroutine)
{
	static const struct {
		enum py_task_state state;
		bool has_exception;
		enum ls_await_state end;
	} ends[] = {
		{ PY_TASK_FINISHED, false, LS_AWAIT_RETURNED },
		{ PY_TASK_FINISHED, true, LS_AWAIT_RAISED },
		{ PY_TASK_CANCELLED, false, LS_AWAIT_CANCELLED },
		/* Its coroutine is another one by now, or it has a state that we do not know. */
		{ PY_TASK_PENDING, false, LS_AWAIT_UNKNOWN },
		{ 7, false, LS_AWAIT_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		const struct ls_rec_stall *stall;

		world.coro = py__coro(CODE);
		world.task = py__task(world.loop, "Task-2", world.coro);
		py__coro_create(world.coro);
		stall = end_as(ends[i].state, ends[i].has_exception ? python.none : 0);
		cr_assert_eq(stall->from.state, i ? LS_AWAIT_BEGAN : LS_AWAIT_UNKNOWN);
		cr_assert_eq(stall->from.frame.code, i ? CODE : 0);
		cr_assert_eq(stall->to.state, ends[i].end, "%zu: state %u", i, stall->to.state);
		cr_assert_eq(stall->to.frame.code, CODE);
	}
}

Test(bpf_step_ends, a_coroutine_that_was_displaced_is_known_again)
{
	suspend(0x20);
	step_to(20 * MS, 0x30);
	take_stall();
	/* More kinds than are cached. */
	for (uint64_t i = 1; i <= 256; i++)
		step(world__add_task("Task-3", CODE + 0x100 * i), US);
	step_to(20 * MS, 0x40);
	check_suspended(&take_stall()->from, 0x30);
}

Test(bpf_step_ends, reads_are_limited)
{
	size_t n_known = 0;

	settings.stall_price_ns = 0;
	settings.threshold_ns = US;
	suspend(0x20);
	for (int i = 0; i < 100; i++) {
		step_to(US, 0x30);
		n_known += take_stall()->from.state == LS_AWAIT_SUSPENDED;
	}
	/* 64 in a row, and one for each 50 us. */
	cr_assert(n_known >= 64 && n_known <= 64 + 100 / 50 + 1, "%zu", n_known);
	pass(50 * US);
	step_to(US, 0x30);
	cr_assert_eq(take_stall()->unit, LS_UNIT_CALLBACK, "the time between");
	check_suspended(&take_stall()->from, 0x30);
}

/* A nested step, as of an eager start, leaves the outer one's beginning alone. */
Test(bpf_step_ends, of_nested_steps)
{
	uint64_t coro, task;
	const struct ls_rec_stall *stall;

	suspend(0x20);
	step_to(20 * MS, 0x30);
	take_stall();
	step_enter(world.task, 0x2000);
	run();
	coro = py__coro(CODE);
	task = py__task(world.loop, "Task-2", coro);
	py__coro_create(coro);
	step_enter(task, 0x1000);
	pass(20 * MS);
	py__coro_await(coro, 0x70, future);
	step_exit(0x1000);
	pass(20 * MS);
	suspend(0x40);
	step_exit(0x2000);
	stall = take_stall();
	cr_assert_eq(stall->from.state, LS_AWAIT_BEGAN);
	cr_assert_eq(stall->to.frame.code, CODE);
	cr_assert_eq(stall->to.frame.position, 0x70);
	stall = take_stall();
	check_suspended(&stall->from, 0x30);
	check_suspended(&stall->to, 0x40);
}

Test(bpf_step_ends, of_tasks_written_in_python)
{
	const struct ls_rec_stall *stall;

	for (int i = 0; i < 2; i++) {
		suspend(0x20);
		resume(world.coro, 0x1000);
		run();
		pass(20 * MS);
		suspend(0x30);
		resume_exit(0x1000);
		stall = take_stall();
		if (i)
			check_suspended(&stall->from, 0x20);
		check_suspended(&stall->to, 0x30);
	}
	/* It returned, raised or was cancelled: its coroutine does not say which. */
	resume(world.coro, 0x1000);
	run();
	pass(20 * MS);
	memory__write(world.coro + python.proc.py.at.gen_state, &(int8_t){ 1 }, 1);
	resume_exit(0x1000);
	cr_assert_eq(take_stall()->to.state, LS_AWAIT_UNKNOWN);
}

Test(bpf_step_ends, callbacks_and_turns_have_none)
{
	suspend(0x20);
	step_to(20 * MS, 0x30);
	take_stall();
	poll_return();
	pass(20 * MS);
	step_to(US, 0x40);
	cr_assert_eq(take_stall()->unit, LS_UNIT_CALLBACK);
	cr_assert_eq(machine.records[machine.n_records - 1].stall.from.state, LS_AWAIT_UNKNOWN);
	cr_assert_eq(machine.records[machine.n_records - 1].stall.to.state, LS_AWAIT_UNKNOWN);
}
