/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds a target's source file on our side, reads a line of it, starts the editor on it.
 */
#include "app/source.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/privs.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "process/target_file.h"

#define MAX_BYTES (4U << 20) /* of a file; sources that people write are shorter */
#define CHUNK_BYTES 16384

/*
 * Opens the file in the target's root, or in ours if the process has ended. A descriptor or -errno.
 */
static int open_source(pid_t pid, const char *file)
{
	int fd = target_open(pid, file);

	return fd < 0 && *file == '/' && kill(pid, 0) < 0 && errno == ESRCH ?
		target_open(getpid(), file) :
		fd;
}

/* Search for one line while the file is read. */
struct line_search {
	uint32_t left; /* lines before it */
	char *buf;
	size_t size, used;
};

/* True once the line is complete. */
static bool line_search__take(struct line_search *s, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n' && !s->left)
			return true;
		if (bytes[i] == '\n')
			s->left--;
		else if (!s->left && s->used + 1 < s->size)
			s->buf[s->used++] = bytes[i];
	}
	return false;
}

/* Its bytes into the buffer. -ENOENT: the file is shorter; -EFBIG: longer than is looked through.
 */
static int line_search__run(struct line_search *s, int fd)
{
	char chunk[CHUNK_BYTES];

	for (size_t done = 0; done < MAX_BYTES;) {
		const ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0)
			return -errno;
		if (n == 0)
			return s->left || !s->used ? -ENOENT : 0;
		if (line_search__take(s, chunk, (size_t)n))
			return 0;
		done += (size_t)n;
	}
	return -EFBIG;
}

int source_line(pid_t pid, const char *file, uint32_t line, char *buf, size_t size)
{
	struct line_search search = { .left = line - 1, .buf = buf, .size = size };
	_cleanup_fd_ int fd = line ? open_source(pid, file) : -ENOENT;
	int r = fd < 0 ? fd : line_search__run(&search, fd);

	if (r < 0)
		return r;
	buf[search.used] = '\0';
	buf[strcspn(buf, "\r")] = '\0';
	return 0;
}

static bool is_same_file(const char *path, int fd)
{
	struct stat own, opened;

	return stat(path, &own) == 0 && fstat(fd, &opened) == 0 && own.st_dev == opened.st_dev &&
		own.st_ino == opened.st_ino;
}

/*
 * In the child. The variable may hold options, so a shell splits it; the path is passed as an
 * argument. If the user cannot reach the path, the editor gets the open descriptor.
 */
static _Noreturn void run_editor(const char *file, int fd, uint32_t line)
{
	char where[16], open_path[32];
	sigset_t none;

	if (!is_same_file(file, fd)) {
		fcntl(fd, F_SETFD, 0);
		snprintf(open_path, sizeof(open_path), "/proc/self/fd/%d", fd);
		file = open_path;
	}
	if (privs_become_user() < 0)
		_exit(127);
	snprintf(where, sizeof(where), "+%u", line);
	signal(SIGPIPE, SIG_DFL);
	limits__restore();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execl("/bin/sh", "sh", "-c", "exec ${VISUAL:-${EDITOR:-vi}} \"$@\"", "sh", where, file,
	      (char *)NULL);
	_exit(127);
}

int source_edit(pid_t pid, const char *file, uint32_t line, struct err *err)
{
	_cleanup_fd_ int fd = open_source(pid, file);
	pid_t child;
	int status;

	if (fd == -ENOENT)
		return err__set(err, fd, "cannot find %s", file);
	if (fd < 0)
		return err__set(err, fd, "cannot open %s: %s", file, target_open_reason(fd));
	child = fork();
	if (child == 0)
		run_editor(file, fd, line);
	if (child < 0)
		return err__set(err, -errno, "cannot start the editor: %s", strerror(errno));
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return err__set(err, -errno, "lost the editor: %s", strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err__set(err, -ENOENT, "the editor cannot be started on %s: set EDITOR",
				file);
	return 0;
}
