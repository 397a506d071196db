/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output that nobody reads: a program that has to end does.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/interrupt.h"
#include "base/outlet.h"
#include "base/time.h"

#define LARGE_BYTES (4U << 20) /* more than any pipe or terminal takes */
#define SUMMARY_BYTES (1U << 19) /* more than a pipe takes at first */
#define MAX_TEST_S 20 /* see deadline.h */

static char *large;

static void fill(void)
{
	sigset_t set;

	alarm(MAX_TEST_S);
	large = malloc(LARGE_BYTES);
	memset(large, 'x', LARGE_BYTES);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void drop(void)
{
	free(large);
}

TestSuite(outlet, .init = fill, .fini = drop);

/* `fd` as stdout, with a signal that waits. */
static void expect_end(int fd)
{
	const uint64_t before_ns = time_now_ns(CLOCK_MONOTONIC);

	cr_assert_eq(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	raise(SIGTERM);
	cr_expect_eq(outlet_write(STDOUT_FILENO, large, LARGE_BYTES), -EINTR);
	cr_expect_geq(time_now_ns(CLOCK_MONOTONIC) - before_ns, 50 * NS_PER_MS);
	cr_expect_lt(time_now_ns(CLOCK_MONOTONIC) - before_ns, NS_PER_S);
	/* The other end of the descriptor blocks as before. */
	cr_expect_not(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK);
}

Test(outlet, a_pipe_that_nobody_reads)
{
	int ends[2];

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	expect_end(ends[1]);
}

/* It gets no CPU before the program ends, but reads then. */
Test(outlet, a_reader_that_is_late_gets_a_whole_summary)
{
	int ends[2];
	size_t n_read = 0;
	ssize_t n;

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	if (fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) < 0)
		cr_skip_test("this system has no larger pipes");
	cr_assert_geq(fcntl(ends[1], F_SETPIPE_SZ, 1 << 16), 0);
	cr_assert_eq(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
	raise(SIGTERM);
	cr_expect_eq(outlet_write(STDOUT_FILENO, large, SUMMARY_BYTES), 0);
	cr_assert_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	while ((n = read(ends[0], large, LARGE_BYTES)) > 0)
		n_read += (size_t)n;
	cr_expect_eq(n_read, SUMMARY_BYTES);
}

Test(outlet, a_terminal_that_nobody_reads)
{
	_cleanup_fd_ int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave = -1;

	if (master < 0 || grantpt(master) || unlockpt(master))
		cr_skip_test("there are no terminals here");
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	cr_assert_geq(slave, 0);
	expect_end(slave);
}

Test(outlet, a_socket_that_nobody_reads)
{
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	expect_end(ends[1]);
}

Test(outlet, all_of_it_arrives_where_it_is_read)
{
	size_t got = 0;
	char buf[4096];
	ssize_t n;
	int ends[2];
	pid_t child;

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		interrupt_note();
		_exit(outlet_write(STDOUT_FILENO, large, LARGE_BYTES) ? 1 : 0);
	}
	close(ends[1]);
	while ((n = read(ends[0], buf, sizeof(buf))) > 0)
		got += (size_t)n;
	cr_expect_eq(got, LARGE_BYTES);
	close(ends[0]);
}

Test(outlet, a_reader_that_has_gone)
{
	int ends[2];

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	cr_assert_eq(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
	cr_expect_eq(outlet_write(STDOUT_FILENO, "x", 1), -EPIPE);
}

Test(outlet, a_file)
{
	char path[] = "/tmp/loopstall-outlet-XXXXXX", got[8] = "";
	_cleanup_fd_ int fd = mkstemp(path);

	unlink(path);
	cr_assert_eq(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	cr_expect_eq(outlet_write(STDOUT_FILENO, "first ", 6), 0);
	cr_expect_eq(write(STDOUT_FILENO, "a", 1), 1);
	cr_expect_eq(pread(fd, got, sizeof(got), 0), 7);
	cr_expect_str_eq(got, "first a");
}
