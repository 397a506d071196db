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
#include "process/file_lines.h"
#include "process/target_file.h"

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

int source_line(pid_t pid, const char *file, uint32_t line, char *buf, size_t size)
{
	struct file_lines lines = { .first = line, .last = line, .lines = buf, .line_bytes = size };
	_cleanup_fd_ int fd = line ? open_source(pid, file) : -ENOENT;
	int r = fd < 0 ? fd : file_lines__read(&lines, fd, FILE_LINES_MAX_BYTES);

	if (r < 0)
		return r;
	if (!file_lines__has(&lines, line))
		return -ENOENT;
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
