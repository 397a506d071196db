/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The books of a loop thread close: each nanosecond since it is watched is in a step, in callbacks
 * or in the loop's wait, once.
 */
#include "bpf/host/expect.h"
#include "bpf/host/programs.h"

static void begin(void)
{
	world__begin();
	world__know_loop();
}

TestSuite(bpf_books, .init = begin);

static uint64_t accounted_ns(void)
{
	const struct ls_thread_stats t = totals();

	return t.step_ns + t.callbacks_ns + t.idle_ns + t.light_cpu_ns + t.open_ns;
}

static uint64_t watched_ns(void)
{
	return machine.now_ns - totals().since_ns;
}

static void visit(uint64_t loop, bool is_inside)
{
	const struct ls_loop_thread found = { .tgid = TGID,
					      .loop = loop,
					      .tstate = world.tstate,
					      .epoll_fd = LOOP_EPOLL,
					      .is_inside = is_inside };
	const uint32_t tid = TID;

	bpf_map_update_elem(&loop_threads, &tid, &found, 0);
	prog_each_task(&(struct bpf_iter__task){ .task = &world.thread->task });
}

/* Light mode finds the thread in its wait, which goes on for 40 ms. */
static void begin_light_in_a_wait(void)
{
	settings.is_light = 1;
	settings.light_since_ns = machine.now_ns;
	start_sampler();
	block(SYS_epoll_pwait, LOOP_EPOLL, 0, 0);
	visit(world.loop, false);
	pass(40 * MS);
}

/* Two steps and callbacks, of which some wait, and the loop's wait. */
static void turn(void)
{
	step(world.task, 5 * MS);
	pass(MS);
	step_enter(world.task, 0x1000);
	blocked(SYS_fsync, 0, 3 * MS);
	pass(MS);
	step_enter(world.task, 0x800);
	pass(2 * MS);
	step_exit(0x800);
	preempt();
	pass(MS);
	on_cpu();
	step_exit(0x1000);
	blocked(SYS_fsync, 0, 2 * MS);
	idle(20 * MS);
}

Test(bpf_books, exact_mode)
{
	for (int i = 0; i < 3; i++)
		turn();
	cr_assert_eq(accounted_ns(), watched_ns());
	cr_assert_geq(watched_ns(), 90 * MS);
	cr_assert_eq(totals().light_cpu_ns, 0);
}

/* The loop's module was loaded after the attach: its polls have no probe yet. */
Test(bpf_books, polls_whose_return_is_not_seen)
{
	for (int i = 0; i < 3; i++) {
		step(world.task, 5 * MS);
		blocked(SYS_epoll_pwait, LOOP_EPOLL, 20 * MS);
		pass(MS);
	}
	turn();
	cr_assert_eq(accounted_ns(), watched_ns());
	cr_assert_geq(totals().idle_ns, 80 * MS);
}

Test(bpf_books, a_wait_inside_a_step_is_the_loops)
{
	turn();
	step_enter(world.task, 0x1000);
	blocked(SYS_epoll_pwait, LOOP_EPOLL, 30 * MS);
	step_exit(0x1000);
	idle(MS);
	cr_assert_eq(accounted_ns(), watched_ns());
}

Test(bpf_books, light_mode_from_the_wait_that_it_came_in)
{
	begin_light_in_a_wait();
	wake();
	on_cpu();
	cr_assert_eq(totals().idle_ns, 40 * MS);
	for (int i = 0; i < 10; i++) {
		pass(2 * MS);
		tick();
	}
	blocked(SYS_fsync, 0, 5 * MS);
	blocked(SYS_epoll_pwait, LOOP_EPOLL, 20 * MS);
	cr_assert_eq(accounted_ns(), watched_ns());
	cr_assert_eq(totals().light_cpu_ns, 20 * MS);
	cr_assert_eq(totals().light_step_ns + totals().light_callbacks_ns, 20 * MS);
}

Test(bpf_books, time_on_the_cpu_is_counted_once_over_the_modes)
{
	start_sampler();
	turn();
	settings.light_since_ns = machine.now_ns;
	settings.is_light = 1;
	for (int i = 0; i < 5; i++) {
		pass(2 * MS);
		tick();
	}
	settings.is_light = 0;
	pass(MS);
	poll_return();
	turn();
	cr_assert_eq(accounted_ns(), watched_ns());
	cr_assert_eq(totals().light_cpu_ns, 9 * MS, "from the first look on, which was after 2 ms");
}

static void end_process(void)
{
	prog_exit(NULL, &world.thread->task);
	cr_assert_eq(accounted_ns(), watched_ns());
}

Test(bpf_books, a_loop_that_ends_in_nested_steps)
{
	turn();
	step_enter(world.task, 0x9000);
	blocked(SYS_fsync, 0, 3 * MS);
	step_enter(world.task, 0x5000);
	pass(4 * MS);
	end_process();
	cr_assert_eq(totals().open_ns, 7 * MS);
}

/* What it does after its last step may be no callback: its loop may have ended. */
Test(bpf_books, a_loop_that_ends_after_its_last_step)
{
	turn();
	step(world.task, 2 * MS);
	pass(6 * MS);
	end_process();
	cr_assert_eq(totals().open_ns, 6 * MS);
}

Test(bpf_books, a_loop_that_is_killed_in_its_wait)
{
	turn();
	block(SYS_epoll_pwait, LOOP_EPOLL, 0, 0);
	pass(30 * MS);
	on_cpu();
	end_process();
	cr_assert_eq(totals().open_ns, 0);
}

Test(bpf_books, a_loop_that_ends_in_light_mode)
{
	begin_light_in_a_wait();
	on_cpu();
	for (int i = 0; i < 3; i++) {
		pass(2 * MS);
		tick();
	}
	blocked(SYS_fsync, 0, 5 * MS);
	pass(3 * MS);
	end_process();
	cr_assert_eq(totals().light_cpu_ns, 9 * MS);
	cr_assert_eq(totals().open_ns, 5 * MS);
}
