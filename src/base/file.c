/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See file.h.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"

int file__create(const char *path, bool may_replace)
{
	const int fd = open(path,
			    O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC |
				    (may_replace ? O_TRUNC : O_EXCL),
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
