/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What /proc says about a thread and its system call.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/proc_thread.h"

Test(proc_thread, a_thread_in_a_system_call)
{
	struct proc_thread th = { 0 };

	cr_assert_eq(proc_thread__parse_syscall(
			     &th, "232 0x3 0x7f1 0x2 0xffffffffffffffff 0x0 0x8 0x7ffc10 0x7f20\n"),
		     0);
	cr_assert_eq(th.call, PROC_CALL_IN);
	cr_assert_eq(th.nr, 232);
	cr_assert_eq(th.args[0], 3);
	cr_assert_eq(th.args[3], UINT64_MAX);
	cr_assert_eq(th.args[5], 8);
	cr_assert_eq(th.sp, 0x7ffc10);
	cr_assert_eq(th.pc, 0x7f20);
}

Test(proc_thread, a_thread_in_none)
{
	struct proc_thread th = { 0 };

	cr_assert_eq(proc_thread__parse_syscall(&th, "running\n"), 0);
	cr_assert_eq(th.call, PROC_CALL_RUNNING);
	cr_assert_eq(proc_thread__parse_syscall(&th, "-1 0x7ffc10 0x7f20\n"), 0);
	cr_assert_eq(th.call, PROC_CALL_NONE);
	cr_assert_eq(th.pc, 0x7f20);
}

Test(proc_thread, text_that_cannot_be)
{
	static const char *const bad[] = { "",
					   "\n",
					   "x",
					   "1",
					   "1 0x2 0x3",
					   "-1 0x1",
					   "99999999 0 0 0 0 0 0 0 0",
					   "-2 0 0 0 0 0 0 0 0" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct proc_thread th = { .call = PROC_CALL_UNKNOWN };

		cr_assert_eq(proc_thread__parse_syscall(&th, bad[i]), -EBADMSG, "%s", bad[i]);
		cr_assert_eq(th.call, PROC_CALL_UNKNOWN);
	}
}

Test(proc_thread, our_own)
{
	struct proc_thread th;

	cr_assert_eq(proc_thread__read(&th, getpid(), (pid_t)syscall(SYS_gettid)), 0);
	cr_assert_eq(th.state, 'R');
	cr_assert_eq(proc_thread__read(&th, getpid(), INT32_MAX), -ESRCH);
	cr_assert_eq(th.state, 0);
}
