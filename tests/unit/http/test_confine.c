/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seccomp filter, in a process of its own: what only an intruder calls ends it, what is on no
 * list fails, what serving needs works.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "http/confine.h"

/* The exit status of a child that runs this in the filter; minus the signal that ended it. */
static int run_confined(int (*run)(void))
{
	const pid_t child = fork();
	int status;

	cr_assert_geq(child, 0);
	if (!child) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		_exit(confine_system_calls(NULL) ? 99 : run());
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int serve(void)
{
	char *memory = malloc(1 << 20);
	int fds[2];

	if (!memory || pipe2(fds, O_CLOEXEC) || write(fds[1], "x", 1) != 1 || close(fds[0]))
		return 1;
	free(memory);
	return 0;
}

static int open_file(void)
{
	return open("/etc/passwd", O_RDONLY) < 0 && errno == EPERM ? 0 : 1;
}

static int make_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
				MAP_FAILED &&
			errno == EPERM ?
		0 :
		1;
}

static int signal_parent(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), SIGTERM) && kill(getppid(), SIGTERM) ? 0 :
												1;
}

static int execute(void)
{
	char *const argv[] = { (char *)"true", NULL };

	execv("/bin/true", argv);
	return 1;
}

static int start_process(void)
{
	return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) >= 0;
}

static int open_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static int trace(void)
{
	return (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static int become_root(void)
{
	return setuid(0);
}

Test(http_confine, what_is_allowed_and_what_fails)
{
	cr_expect_eq(run_confined(serve), 0);
	cr_expect_eq(run_confined(open_file), 0);
	cr_expect_eq(run_confined(make_code), 0);
	cr_expect_eq(run_confined(signal_parent), 0);
}

Test(http_confine, what_ends_it)
{
	int (*const runs[])(void) = { execute, start_process, open_socket, trace, become_root };

	for (size_t i = 0; i < N_OF(runs); i++)
		cr_expect_eq(run_confined(runs[i]), -SIGSYS, "%zu", i);
}
