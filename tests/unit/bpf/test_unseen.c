/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Switches and wake-ups that the kernel did not report: what is known of them afterwards.
 */
#include "arch_regs.h"
#include "bpf/host/expect.h"
#include "bpf/host/programs.h"

TestSuite(bpf_unseen, .init = world__begin);

/* Asleep for 11 ms, in the queue for 2, on the CPU for 7. */
static void expect_unseen_return(void)
{
	const struct ls_rec_stall *stall;

	cr_assert_eq(machine__loss(LS_LOSS_RETURN_UNSEEN), 1);
	stall = take_stall();
	cr_assert_eq(stall->cause_ns[LS_CAUSE_SLEEP], 11 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_RUNQUEUE], 2 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_CPU], 7 * MS);
}

/* The kernel does not report the switch to the thread; its next event finds that it runs. */
Test(bpf_unseen, a_return_that_nobody_reported)
{
	step_enter(world.task, 0x1000);
	at(MS);
	block(SYS_clock_nanosleep, 0, 0, 0);
	at(12 * MS);
	wake();
	world.thread->task.sched_info.run_delay += 2 * MS;
	at(20 * MS);
	step_exit(0x1000);
	expect_unseen_return();
}

/* The scheduler knows when it came, also if the wake-up was not reported. */
Test(bpf_unseen, a_return_and_a_wake_up_that_nobody_reported)
{
	step_enter(world.task, 0x1000);
	at(MS);
	block(SYS_clock_nanosleep, 0, 0, 0);
	at(14 * MS);
	world.thread->task.sched_info.run_delay += 2 * MS;
	world.thread->task.sched_info.last_arrival = machine.now_ns - RQ_CLOCK;
	at(20 * MS);
	step_exit(0x1000);
	expect_unseen_return();
}

/* Nor when it left: its wake-up shows it asleep. */
Test(bpf_unseen, a_leave_that_nobody_reported)
{
	const struct ls_rec_stall *stall;
	struct pt_regs *user = &world.thread->user;

	step_enter(world.task, 0x1000);
	blocked(SYS_fsync, 0, MS);
	at(5 * MS);
	regs_set_syscall(user, SYS_clock_nanosleep);
	world.thread->task.se.exec_start = machine.now_ns - SCHED_CLOCK;
	world.thread->task.on_cpu = 0;
	at(18 * MS);
	wake();
	on_cpu();
	at(20 * MS);
	step_exit(0x1000);
	cr_assert_eq(machine__loss(LS_LOSS_LEAVE_UNSEEN), 1);
	stall = take_stall();
	cr_assert_eq(stall->cause_ns[LS_CAUSE_SLEEP], 13 * MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_FILE], MS);
	cr_assert_eq(stall->cause_ns[LS_CAUSE_CPU], 6 * MS);
}
