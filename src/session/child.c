/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starts and ends the command behind "--". It inherits stdin, stdout, stderr and the process
 * group, so a Ctrl-C on the terminal reaches it as it would without us.
 */
#include "session/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/limits.h"

static ssize_t read_retry(int fd, void *buf, size_t size)
{
	ssize_t n;

	do
		n = read(fd, buf, size);
	while (n < 0 && errno == EINTR);
	return n;
}

/* In the child. Never returns. */
static _Noreturn void run_command(char **argv, int hold_fd, int result_fd)
{
	sigset_t none;
	char go;
	int error;

	if (read_retry(hold_fd, &go, 1) != 1)
		_exit(127); /* loopstall ended before it was ready */
	/* Undoes changes that exec would keep. */
	signal(SIGPIPE, SIG_DFL);
	limits__restore();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], argv);
	error = errno;
	if (write(result_fd, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

int child__start(struct child *c, char **argv, struct err *err)
{
	int hold[2], result[2];

	if (pipe2(hold, O_CLOEXEC) < 0)
		return err__set(err, -errno, "cannot start '%s': %s", argv[0], strerror(errno));
	_cleanup_fd_ int hold_read = hold[0];
	_cleanup_fd_ int hold_write = hold[1];

	if (pipe2(result, O_CLOEXEC) < 0)
		return err__set(err, -errno, "cannot start '%s': %s", argv[0], strerror(errno));
	_cleanup_fd_ int result_read = result[0];
	_cleanup_fd_ int result_write = result[1];

	c->pid = fork();
	if (c->pid < 0) {
		c->pid = 0;
		return err__set(err, -errno, "cannot start '%s': %s", argv[0], strerror(errno));
	}
	if (c->pid == 0) {
		/* Held open here, our own end would keep the child waiting when loopstall dies. */
		close(hold_write);
		run_command(argv, hold_read, result_write);
	}
	c->hold_fd = TAKE_FD(hold_write);
	c->result_fd = TAKE_FD(result_read);
	return 0;
}

int child__release(struct child *c, const char *name, struct err *err)
{
	int error = 0;

	if (write(c->hold_fd, "", 1) < 0)
		error = errno;
	fd_close(&c->hold_fd);
	if (!error && read_retry(c->result_fd, &error, sizeof(error)) == 0)
		error = 0;
	fd_close(&c->result_fd);
	if (!error)
		return 0;
	child__reap(c);
	return err__set(err, -error, "cannot start '%s': %s", name, strerror(error));
}

void child__signal(const struct child *c, int signal)
{
	if (c->pid > 0)
		kill(c->pid, signal);
}

void child__reap(struct child *c)
{
	if (c->pid <= 0)
		return;
	while (waitpid(c->pid, &c->status, 0) < 0)
		if (errno != EINTR)
			return;
	c->pid = 0;
	c->is_reaped = true;
}

bool child__has_failed(const struct child *c)
{
	return c->is_reaped && !(WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0);
}

void child__describe(const struct child *c, char *buf, size_t size)
{
	if (WIFSIGNALED(c->status))
		snprintf(buf, size, "killed by signal %d (%s)", WTERMSIG(c->status),
			 strsignal(WTERMSIG(c->status)));
	else
		snprintf(buf, size, "exit status %d", WEXITSTATUS(c->status));
}

void child__done(struct child *c)
{
	fd_close(&c->hold_fd);
	fd_close(&c->result_fd);
	child__signal(c, SIGKILL);
	child__reap(c);
}
