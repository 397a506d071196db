/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file in memory takes the place of stderr.
 */
#include "view/kept.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define MAX_BYTES (256 * 1024) /* all is dropped when there is more */

int kept__init(struct kept *k)
{
	k->errors_fd = dup(STDERR_FILENO);
	k->fd = memfd_create("messages", MFD_CLOEXEC);
	return k->errors_fd < 0 || k->fd < 0 ? -errno : 0;
}

void kept__done(struct kept *k)
{
	fd_close(&k->fd);
	fd_close(&k->errors_fd);
}

void kept__hold(struct kept *k)
{
	dup2(k->fd, STDERR_FILENO);
}

void kept__release(struct kept *k)
{
	dup2(k->errors_fd, STDERR_FILENO);
}

void kept__tell(struct kept *k)
{
	char buf[4096];
	off_t at = 0;
	ssize_t n;

	kept__release(k);
	while ((n = pread(k->fd, buf, sizeof(buf), at)) > 0) {
		file_write_all(k->errors_fd, buf, (size_t)n);
		at += n;
	}
}

bool kept__take_line(struct kept *k, char *buf, size_t size)
{
	struct stat st;
	char *line;
	off_t from;
	ssize_t n;

	if (fstat(k->fd, &st) < 0 || st.st_size == k->told)
		return false;
	from = st.st_size - k->told < (off_t)size ? k->told : st.st_size - (off_t)size + 1;
	n = pread(k->fd, buf, size - 1, from);
	k->told = st.st_size;
	/* The offset is shared with the error output. */
	if (st.st_size > MAX_BYTES && !ftruncate(k->fd, 0) && !lseek(k->fd, 0, SEEK_SET))
		k->told = 0;
	if (n <= 0)
		return false;
	buf[buf[n - 1] == '\n' ? n - 1 : n] = '\0';
	line = strrchr(buf, '\n');
	if (line)
		memmove(buf, line + 1, strlen(line));
	return true;
}
