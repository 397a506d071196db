/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live resolver on this very process and on one that has gone.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/runtime.h"
#include "symbol/symbol.h"

static struct target target_of(pid_t pid, uint8_t minor)
{
	struct target t = { .pid = pid,
			    .ns_pid = pid,
			    .runtime = &runtime_python,
			    .anchor = (uint64_t)(uintptr_t)target_of };

	t.proc.py.at.minor = minor;
	return t;
}

Test(symbols, unknown_process)
{
	const struct ls_frame frame = { .code = 8 };
	struct code_info info;
	struct resolver r;
	struct symbols *s;

	cr_assert_eq(symbols__new(&s), 0);
	r = symbols__resolver(s);
	cr_assert_eq(r.ops->code(r.ctx, 1, 8, 0, &info), -ENOENT);
	cr_assert_str_eq(info.name, "?");
	cr_assert_eq(r.ops->line(r.ctx, 1, &frame), 0);
	cr_assert_null(r.ops->native(r.ctx, 1, 8));
	cr_assert_eq(r.ops->thread(r.ctx, 1, 8, 1), 0);
	symbols__free(s);
	symbols__free(NULL);
}

Test(symbols, syscalls)
{
	struct resolver r;
	struct symbols *s;

	cr_assert_eq(symbols__new(&s), 0);
	r = symbols__resolver(s);
	cr_assert_str_eq(r.ops->syscall(r.ctx, SYS_clock_nanosleep), "clock_nanosleep");
	cr_assert_str_eq(r.ops->syscall(r.ctx, SYS_fsync), "fsync");
	cr_assert_null(r.ops->syscall(r.ctx, LS_NO_SYSCALL));
	cr_assert_null(r.ops->syscall(r.ctx, LS_SYSCALLS));
	cr_assert_null(r.ops->syscall(r.ctx, LS_SYSCALLS - 1));
	symbols__free(s);
}

Test(symbols, native)
{
	struct target t = target_of(getpid(), 11);
	struct resolver r;
	struct symbols *s;

	cr_assert_eq(symbols__new(&s), 0);
	r = symbols__resolver(s);
	cr_assert_eq(symbols__add_process(s, &t), 0);
	cr_assert_str_eq(r.ops->native(r.ctx, (uint32_t)t.pid, (uint64_t)(uintptr_t)getppid),
			 "libc.so.6:getppid");
	symbols__free(s);
}

Test(symbols, thread)
{
	struct target t = target_of(getpid(), 11);
	uint32_t tid = (uint32_t)gettid(), pid = (uint32_t)getpid();
	struct resolver r;
	struct symbols *s;

	cr_assert_eq(symbols__new(&s), 0);
	r = symbols__resolver(s);
	cr_assert_eq(symbols__add_process(s, &t), 0);
	cr_assert_eq(r.ops->thread(r.ctx, pid, 1, tid), tid);
	cr_assert_eq(r.ops->thread(r.ctx, pid, 1, 0), 0);
	cr_assert_eq(r.ops->thread(r.ctx, pid, 1, 4711), 4711, "a thread that has ended");
	cr_assert_eq(r.ops->thread(r.ctx, pid, 1, UINT64_MAX), 0);
	/* Up to 3.10 all there is is the pthread pointer. */
	t = target_of(getpid(), 10);
	cr_assert_eq(symbols__add_process(s, &t), 0);
	cr_assert_eq(r.ops->thread(r.ctx, pid, 1, (uint64_t)pthread_self()), tid);
	cr_assert_eq(r.ops->thread(r.ctx, pid, 1, 8), 0);
	/* In another pid namespace, the ids are looked up; here each is its own innermost one. */
	t = target_of(getpid(), 11);
	t.ns_pid = 1;
	cr_assert_eq(symbols__add_process(s, &t), 0);
	cr_assert_eq(r.ops->thread(r.ctx, pid, 1, tid), tid);
	cr_assert_eq(r.ops->thread(r.ctx, pid, 1, 1), 0);
	symbols__free(s);
}

Test(symbols, process_gone)
{
	uint64_t ip = (uint64_t)(uintptr_t)getppid;
	struct code_info info;
	struct resolver r;
	struct symbols *s;
	struct target t;
	pid_t pid;

	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		pause();
		_exit(0);
	}
	t = target_of(pid, 11);
	cr_assert_eq(symbols__new(&s), 0);
	r = symbols__resolver(s);
	cr_assert_eq(symbols__add_process(s, &t), 0);
	cr_assert_str_eq(r.ops->native(r.ctx, (uint32_t)pid, ip), "libc.so.6:getppid");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cr_assert_str_eq(r.ops->native(r.ctx, (uint32_t)pid, ip), "libc.so.6:getppid");
	cr_assert_eq(r.ops->code(r.ctx, (uint32_t)pid, (uint64_t)(uintptr_t)&ip, 0, &info),
		     -ENOENT);
	cr_assert_str_eq(info.name, "?");
	cr_assert_eq(r.ops->thread(r.ctx, (uint32_t)pid, 1, (uint64_t)pid), (uint32_t)pid);
	/* Added when it is already gone */
	cr_assert_eq(symbols__add_process(s, &t), 0);
	cr_assert_str_eq(r.ops->native(r.ctx, (uint32_t)pid, ip), "libc.so.6:getppid");
	symbols__free(s);
}

Test(symbols, bounded)
{
	struct resolver r;
	struct symbols *s;
	struct target t;
	pid_t pid;

	cr_assert_eq(symbols__new(&s), 0);
	r = symbols__resolver(s);
	for (pid = 0x40000000; pid < 0x40000000 + 2000; pid++) {
		t = target_of(pid, 11);
		cr_assert_eq(symbols__add_process(s, &t), 0);
	}
	t = target_of(getpid(), 11);
	cr_assert_eq(symbols__add_process(s, &t), 0);
	cr_assert_not_null(r.ops->native(r.ctx, (uint32_t)t.pid, (uint64_t)(uintptr_t)getppid));
	symbols__free(s);
}
