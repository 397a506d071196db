/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds a target's source file on our side, reads a line of it, starts the editor on it.
 */
#include "app/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

#define MAX_LINES 200000 /* looked through */

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* A path of ours to the file: its own where that is the same file, else through the target's /proc. */
static int find_file(pid_t pid, const char *file, char path[PATH_MAX])
{
	struct stat own, seen;
	int n;

	n = snprintf(path, PATH_MAX, "/proc/%d/%s/%s", (int)pid, *file == '/' ? "root" : "cwd", file);
	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	/* Also if the process has gone. */
	if (*file == '/' && strlen(file) < PATH_MAX && stat(file, &own) == 0 &&
	    (stat(path, &seen) < 0 || (own.st_dev == seen.st_dev && own.st_ino == seen.st_ino)))
		memcpy(path, file, strlen(file) + 1);
	return is_file(path) ? 0 : -ENOENT;
}

/* The stream's next line, cut to `size`. False at the end. */
static bool next_line(FILE *f, char *buf, size_t size)
{
	int c;

	if (!fgets(buf, (int)size, f))
		return false;
	if (!strchr(buf, '\n'))
		while ((c = getc_unlocked(f)) != EOF && c != '\n')
			;
	buf[strcspn(buf, "\r\n")] = '\0';
	return true;
}

int source_line(pid_t pid, const char *file, uint32_t line, char *buf, size_t size)
{
	_cleanup_(file_close) FILE *f = NULL;
	char path[PATH_MAX];
	int fd, r;

	r = find_file(pid, file, path);
	if (r < 0)
		return r;
	/* It may have become something else meanwhile, on which open() would wait. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	f = fd >= 0 ? fdopen(fd, "r") : NULL;
	if (!f) {
		r = -errno;
		fd_close(&fd);
		return r;
	}
	for (uint32_t i = 1; i <= line && i <= MAX_LINES; i++) {
		if (!next_line(f, buf, size))
			break;
		if (i == line)
			return 0;
	}
	return -ENOENT;
}

/*
 * In the child. The variable may hold options, so the shell takes it apart; the path it only hands on. The way through
 * another process's /proc is ours, not the user's: there he gets the open file.
 */
static _Noreturn void run_editor(const char *path, uint32_t line)
{
	char where[16], open_path[32];
	sigset_t none;

	if (!strncmp(path, "/proc/", 6)) {
		const int fd = open(path, O_RDONLY | O_NONBLOCK);

		if (fd < 0)
			_exit(127);
		snprintf(open_path, sizeof(open_path), "/proc/self/fd/%d", fd);
		path = open_path;
	}
	if (privs_become_user() < 0)
		_exit(127);
	snprintf(where, sizeof(where), "+%u", line);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execl("/bin/sh", "sh", "-c", "exec ${VISUAL:-${EDITOR:-vi}} \"$@\"", "sh", where, path,
	      (char *)NULL);
	_exit(127);
}

int source_edit(pid_t pid, const char *file, uint32_t line, struct err *err)
{
	char path[PATH_MAX];
	int status, r;
	pid_t child;

	r = find_file(pid, file, path);
	if (r < 0)
		return err__set(err, r, "cannot find %s", file);
	child = fork();
	if (child == 0)
		run_editor(path, line);
	if (child < 0)
		return err__set(err, -errno, "cannot start the editor: %s", strerror(errno));
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return err__set(err, -errno, "lost the editor: %s", strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err__set(err, -ENOENT, "the editor cannot be started on %s: set EDITOR", file);
	return 0;
}
