/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sampler: its clocks, which run only where loop threads do, and the stacks that it takes.
 */
#include <errno.h>

#include "bpf/host/expect.h"
#include "bpf/host/programs.h"

TestSuite(bpf_sampler, .init = world__begin);

Test(bpf_sampler, samples_of_a_long_step)
{
	const struct ls_rec_stack *sample;
	uint64_t own;

	start_sampler();
	step_enter(world.task, 0x1000);
	own = py__coro_frame(world.coro, 0x30, world.loop_frame);
	py__set_top(world.tstate, own);
	blocked(SYS_fsync, 0, MS);
	cr_assert_neq(machine.timer_due_ns[LS_CLOCK_OF(0)], 0,
		      "the switch to the thread starts the clock");
	tick();
	cr_assert_eq(count_records(LS_REC_STACK), 0, "too early");
	at(5 * MS);
	tick();
	at(9 * MS);
	tick();
	at(12 * MS);
	step_exit(0x1000);
	sample = &next_record(LS_REC_STACK)->stack;
	cr_assert_eq(sample->cause, LS_CAUSE_CPU);
	cr_assert_eq(sample->weight_ns, 4 * MS);
	cr_assert_eq(sample->n_frames, 1);
	cr_assert_eq(next_record(LS_REC_STACK)->stack.weight_ns, 4 * MS);
	cr_assert_eq(take_stall()->samples, 2);
}

Test(bpf_sampler, samples_that_are_not_taken)
{
	start_sampler();
	settings.sample_price_ns = S;
	step_enter(world.task, 0x1000);
	py__set_top(world.tstate, py__frame(0xf00, 0, world.loop_frame));
	/* The coroutine is suspended: the end of its step was not seen. */
	memory__put(world.coro + 64, 0xffULL << 24);
	blocked(SYS_fsync, 0, MS);
	for (int i = 0; i < 3; i++) {
		pass(5 * MS);
		tick();
	}
	cr_assert_eq(machine__loss(LS_LOSS_SAMPLE_SHED), 1, "one is saved up");
	cr_assert_eq(count_records(LS_REC_STACK), 0, "the coroutine's frame was not on the stack");
	settings.sample_price_ns = 0;
	py__set_top(world.tstate, 0);
	tick();
	cr_assert_eq(machine__loss(LS_LOSS_STACK_NO_THREAD), 1);
}

/* The last callback of a loop, behind which the interpreter shuts down for 20 ms. */
static void loop_and_shutdown(uint64_t callback_ns)
{
	start_sampler();
	step(world.task, MS);
	blocked(SYS_fsync, 0, MS);
	pass(callback_ns);
	tick();
	py__set_top(world.tstate, 0);
	for (int i = 0; i < 10; i++) {
		pass(2 * MS);
		tick();
	}
}

Test(bpf_sampler, the_shutdown_of_an_interpreter_is_no_callback)
{
	world__know_loop();
	loop_and_shutdown(3 * MS);
	prog_exit(NULL, &world.thread->task);
	expect_no_stall();
	cr_assert_eq(totals().open_ns, 24 * MS, "1 + 3 of a callback, 20 behind it");
}

Test(bpf_sampler, a_last_callback_that_stalled)
{
	const struct ls_rec_stall *stall;

	world__know_loop();
	loop_and_shutdown(15 * MS);
	stall = expect_stall(LS_UNIT_CALLBACK, MS, 18 * MS);
	cr_assert_eq(stall->end, LS_END_EXIT);
	cr_assert_eq(stall->flags, LS_STALL_VICTIMS_UNKNOWN | LS_STALL_SOCKETS_UNKNOWN);
	/* A program in C runs Python once more: its loop is watched as ever. */
	step(world.task, 12 * MS);
	expect_stall(LS_UNIT_STEP, 37 * MS, 12 * MS);
	cr_assert_eq(totals().open_ns, 18 * MS + 18 * MS);
}

Test(bpf_sampler, a_native_loop_that_a_program_in_c_runs)
{
	const struct ls_loop_key key = { .loop = world.loop, .tgid = TGID };
	struct ls_loop *loop;

	world__know_loop();
	loop = bpf_map_lookup_elem(&loops, &key);
	loop->py.is_native = 1;
	loop_and_shutdown(3 * MS);
	step_enter(world.task, 0x1000);
	expect_stall(LS_UNIT_CALLBACK, MS, 24 * MS);
}

Test(bpf_sampler, the_clock_stops_where_no_loop_thread_is)
{
	start_sampler();
	step(world.task, MS);
	blocked(SYS_fsync, 0, MS);
	machine.current = world__add_thread(42, 43);
	tick();
	cr_assert_eq(machine.timer_due_ns[LS_CLOCK_OF(0)], 0);
	machine.current = world.thread;
	blocked(SYS_fsync, 0, MS);
	cr_assert_neq(machine.timer_due_ns[LS_CLOCK_OF(0)], 0);
	/* A kernel that does not pin timers fires it somewhere else. */
	machine.cpu = 3;
	machine__fire(LS_CLOCK_OF(0));
	cr_assert_eq(machine.timer_due_ns[LS_CLOCK_OF(0)], 0);
	blocked(SYS_fsync, 0, MS);
	cr_assert_neq(machine.timer_due_ns[LS_CLOCK_OF(3)], 0);
}

/* The switch back to a loop thread may not be reported. */
Test(bpf_sampler, the_clock_goes_on_while_a_loop_thread_waits_for_the_cpu)
{
	start_sampler();
	step_enter(world.task, 0x1000);
	blocked(SYS_fsync, 0, MS);
	preempt();
	machine.current = world__add_thread(42, 43);
	tick();
	cr_assert_eq(machine.timer_due_ns[LS_CLOCK_OF(0)],
		     machine.now_ns + settings.sample_period_ns);
	machine.current = world.thread;
	on_cpu();
	step_exit(0x1000);
	machine.current = world__add_thread(42, 44);
	tick();
	cr_assert_eq(machine.timer_due_ns[LS_CLOCK_OF(0)], 0, "none waits");
}

Test(bpf_sampler, the_clock_beats_where_switches_are_not_reported)
{
	uint64_t seen_ns;

	start_sampler();
	step(world.task, MS);
	block(SYS_fsync, 0, 0, 0);
	pass(MS);
	world.thread->task.on_cpu = 1;
	step(world.task, MS);
	cr_assert_eq(machine__loss(LS_LOSS_RETURN_UNSEEN), 1);
	blocked(SYS_fsync, 0, MS);
	seen_ns = machine.now_ns;
	machine.current = world__add_thread(42, 43);
	tick();
	cr_assert_eq(machine.timer_due_ns[LS_CLOCK_OF(0)],
		     machine.now_ns + 4 * settings.sample_period_ns);
	/* A switch to a loop thread that is reported: it ticks as ever. */
	machine.current = world.thread;
	blocked(SYS_fsync, 0, MS);
	cr_assert_leq(machine.timer_due_ns[LS_CLOCK_OF(0)],
		      machine.now_ns + settings.sample_period_ns);
	/* One that is not reported is seen by the beat. */
	tick();
	cr_assert_eq(machine.timer_due_ns[LS_CLOCK_OF(0)],
		     machine.now_ns + settings.sample_period_ns);
	at(seen_ns - world.start_ns + 6 * S);
	machine.current = world__add_thread(42, 44);
	tick();
	cr_assert_eq(machine.timer_due_ns[LS_CLOCK_OF(0)], 0, "none was here for seconds");
}

Test(bpf_sampler, clocks_on_a_kernel_that_does_not_pin_them)
{
	machine.faults.timers_unpinned = true;
	start_sampler();
	cr_assert_eq(clock_flags, 0);
	settings.trial_tgid = TGID;
	settings.is_trial = 1;
	start_sampler();
	cr_assert_eq(clock_status.n_missing, 0);
	for (int i = 0; i < 5; i++)
		cr_assert(machine__fire(LS_CLOCK_TRIAL));
	cr_assert_eq(trial_ticks, 5);
	settings.is_trial = 0;
	machine__fire(LS_CLOCK_TRIAL);
	cr_assert_not(machine__fire(LS_CLOCK_TRIAL));
}

Test(bpf_sampler, a_clock_is_set_up_once)
{
	machine.faults.no_timer_memory = true;
	visit_clock(LS_CLOCK_OF(0));
	cr_assert_eq(clock_status.n_missing, 1);
	cr_assert_eq(clock_status.err, -ENOMEM);
	machine.faults.no_timer_memory = false;
	visit_clock(LS_CLOCK_OF(0));
	machine.faults.no_timer_memory = true;
	visit_clock(LS_CLOCK_OF(0));
	visit_clock(LS_CLOCKS);
	cr_assert_eq(clock_status.n_missing, 1);
}

Test(bpf_sampler, a_trial_needs_its_clock)
{
	settings.is_trial = 1;
	start_sampler();
	cr_assert_eq(clock_status.n_missing, 1);
	cr_assert_eq(clock_status.err, -EINVAL);
	settings.is_trial = 0;
	start_sampler();
	cr_assert_eq(clock_status.n_missing, 1, "none is missing now");
	cr_assert_neq(clock_flags, 0);
	cr_assert_eq(machine.timer_due_ns[LS_CLOCK_TRIAL], 0, "the try of the flags is cancelled");
}

Test(bpf_sampler, a_cpu_without_a_clock_is_counted)
{
	visit_clock(LS_CLOCK_TRIAL);
	visit_clock(LS_CLOCK_OF(1));
	step(world.task, MS);
	blocked(SYS_fsync, 0, MS);
	cr_assert_eq(machine__loss(LS_LOSS_NO_CLOCK), 1, "the kernel gave no timer");
	machine.cpu = 1;
	blocked(SYS_fsync, 0, MS);
	cr_assert_eq(machine__loss(LS_LOSS_NO_CLOCK), 1);
	machine.cpu = LS_CLOCKS;
	blocked(SYS_fsync, 0, MS);
	cr_assert_eq(machine__loss(LS_LOSS_NO_CLOCK), 2, "more CPUs than clocks");
}
