/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See file.h.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"

int file__create(const char *path, bool may_replace)
{
	const int fd =
		open(path,
		     O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | (may_replace ? O_TRUNC : O_EXCL),
		     0644);

	return fd < 0 ? -errno : fd;
}

int file__create_stream(FILE **ret_file, const char *path, bool may_replace)
{
	_cleanup_fd_ int fd = file__create(path, may_replace);

	if (fd < 0)
		return fd;
	*ret_file = fdopen(fd, "w");
	if (!*ret_file)
		return -errno;
	TAKE_FD(fd);
	return 0;
}

int file_write_all(int fd, const void *data, size_t n)
{
	const char *at = data;

	while (n > 0) {
		const ssize_t written = write(fd, at, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		at += written;
		n -= (size_t)written;
	}
	return 0;
}

void file_hold_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		/* The lowest free number is this one. Without /dev, any descriptor will do. */
		if (open("/dev/null", O_RDONLY) < 0 && open("/", O_PATH) < 0)
			return;
	}
}
