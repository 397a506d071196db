/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread is stopped while its loop waits: what was due meanwhile had to wait.
 */
#include <signal.h>

#include "bpf/host/expect.h"

TestSuite(bpf_stops, .init = world__begin);

/* A signal interrupts the wait of an idle loop after 5 ms, for 150 ms. */
static void stop_in_the_wait(int timeout_ms)
{
	step(world.task, MS);
	stop_in_poll(timeout_ms);
	/* On its way out it has to wait for a CPU. */
	preempt();
	pass(MS);
	on_cpu();
	poll_return();
	step(world.task, MS);
}

Test(bpf_stops, stopped_while_the_loop_waits_for_long)
{
	stop_in_the_wait(-1);
	expect_no_stall();
	stop_in_the_wait(1000);
	expect_no_stall();
	cr_assert_geq(totals().idle_ns, 2 * 155 * MS);
}

Test(bpf_stops, stopped_while_a_timer_is_due)
{
	const struct ls_rec_stall *stall;

	stop_in_the_wait(20);
	stall = take_stall();
	cr_assert_eq(stall->unit, LS_UNIT_CALLBACK);
	cr_assert_eq(stall->duration_ns, 138 * MS, "%llu ns", stall->duration_ns);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_STOPPED], 135 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_RUNQUEUE], 2 * MS);
	cr_assert_eq(stall->stop, LS_STOP_SIGNAL);
	cr_assert_eq(stall->stop_id, SIGSTOP);
	cr_assert_eq(totals().idle_ns, 20 * MS);
	idle(30 * MS);
	step(world.task, MS);
	expect_no_stall();
}

Test(bpf_stops, a_late_timer_waits_from_the_stop_on)
{
	const struct ls_rec_stall *stall;

	stop_in_the_wait(2);
	stall = take_stall();
	cr_assert_eq(stall->cause_ns[LS_CAUSE_STOPPED], 150 * MS);
}
