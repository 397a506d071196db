/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that is stuck ends by a signal; one that reads its signals or computes goes on.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/time.h"
#include "session/watchdog.h"
#include "../deadline.h"

#define PATIENCE_MS 100
#define GOES_ON 77

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* In a child, with a signal that waits: the status it ends with. */
static int run_child(void (*work)(int signal_fd))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		const int fd = open_signals();

		if (watchdog_start(fd, PATIENCE_MS))
			_exit(1);
		kill(getpid(), SIGTERM); /* to the process: raise() means this thread */
		work(fd);
		watchdog_stop();
		_exit(GOES_ON);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* As a read of a file on a dead server would. */
static void sleep_long(int signal_fd)
{
	(void)signal_fd;
	sleep(20);
}

static void compute(int signal_fd)
{
	const uint64_t end_ns = time_now_ns(CLOCK_MONOTONIC) + 500 * NS_PER_MS;

	(void)signal_fd;
	while (time_now_ns(CLOCK_MONOTONIC) < end_ns)
		;
}

static void read_and_sleep(int signal_fd)
{
	struct signalfd_siginfo info;

	if (read(signal_fd, &info, sizeof(info)) != sizeof(info))
		_exit(2);
	usleep(500000);
}

static void undo(void *ctx)
{
	unlink(ctx);
}

static char path[] = "/tmp/loopstall-test-XXXXXX";

/* As the verifier would: no signal ends it. */
static void call_kernel(int signal_fd)
{
	const uint64_t end_ns = time_now_ns(CLOCK_MONOTONIC) + 10 * NS_PER_S;

	(void)signal_fd;
	watchdog_begin_call(undo, path);
	while (time_now_ns(CLOCK_MONOTONIC) < end_ns)
		;
	watchdog_end_call();
}

static void call_and_compute(int signal_fd)
{
	struct signalfd_siginfo info;

	if (read(signal_fd, &info, sizeof(info)) != sizeof(info))
		_exit(2);
	watchdog_begin_call(undo, path);
	watchdog_end_call();
	kill(getpid(), SIGTERM);
	compute(signal_fd);
}

TEST_WITHIN(15, watchdog, ends_a_call_that_no_signal_ends)
{
	close(mkstemp(path));
	cr_expect_eq(run_child(call_kernel), EXIT_CANNOT_ATTACH);
	cr_expect_eq(access(path, F_OK), -1, "it was not undone");
}

TEST_WITHIN(15, watchdog, leaves_a_program_whose_call_has_ended)
{
	close(mkstemp(path));
	cr_expect_eq(run_child(call_and_compute), GOES_ON);
	cr_expect_eq(access(path, F_OK), 0);
	unlink(path);
}

TEST_WITHIN(15, watchdog, ends_a_program_that_is_stuck)
{
	cr_expect_eq(run_child(sleep_long), EXIT_INCONCLUSIVE);
}

TEST_WITHIN(15, watchdog, leaves_a_program_that_computes)
{
	cr_expect_eq(run_child(compute), GOES_ON);
}

TEST_WITHIN(15, watchdog, leaves_a_program_that_reads_its_signals)
{
	cr_expect_eq(run_child(read_and_sleep), GOES_ON);
}
