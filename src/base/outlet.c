/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See outlet.h. Signals are blocked while a session runs, so a write that waits would not notice
 * one. O_NONBLOCK on the descriptor that we were given would also be that of other programs, so it
 * is opened once more (proc(5), /proc/PID/fd).
 */
#include "base/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/interrupt.h"

#define WAIT_MS 25
#define GRACE_WAITS 3 /* in a row, for a reader that is only slow */
#define PIPE_BYTES (1 << 20) /* as much as everybody may have, unless the system says otherwise */

/* Of stdout and stderr. */
static struct outlet {
	int fd; /* does not block */
	struct stat st; /* of what it was opened for */
} outlets[2] = { { .fd = -1 }, { .fd = -1 } };

/* A descriptor for the same pipe or terminal that does not block, or -1. */
static int open_again(int fd, const struct stat *st)
{
	struct outlet *o = &outlets[fd - STDOUT_FILENO];
	char path[32];

	if (o->fd >= 0 && o->st.st_dev == st->st_dev && o->st.st_ino == st->st_ino)
		return o->fd;
	fd_close(&o->fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	o->st = *st;
	o->fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	return o->fd;
}

static ssize_t write_some(int fd, const struct stat *st, const char *text, size_t size)
{
	int again = -1;

	if (S_ISSOCK(st->st_mode))
		return send(fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if ((fd == STDOUT_FILENO || fd == STDERR_FILENO) &&
	    (S_ISFIFO(st->st_mode) || S_ISCHR(st->st_mode)))
		again = open_again(fd, st);
	return write(again >= 0 ? again : fd, text, size);
}

/* Waits until it can be written to. -EINTR: the program has to end before that. */
static int wait_for_reader(int fd)
{
	struct pollfd out = { .fd = fd, .events = POLLOUT };
	unsigned int n_waited = 0;

	while (poll(&out, 1, WAIT_MS) <= 0) {
		if (!interrupt_is_due())
			continue;
		/* A reader that only has no CPU for that long must not lose the summary. */
		if (!n_waited)
			fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
		if (++n_waited >= GRACE_WAITS)
			return -EINTR;
	}
	return 0;
}

int outlet_write(int fd, const char *text, size_t size)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	for (size_t done = 0; done < size;) {
		ssize_t n = write_some(fd, &st, text + done, size - done);
		int r = 0;

		if (n >= 0)
			done += (size_t)n;
		else if (errno == EAGAIN)
			r = wait_for_reader(fd);
		else if (errno != EINTR)
			r = -errno;
		if (r)
			return r;
	}
	return 0;
}
