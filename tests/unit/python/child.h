/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real processes for tests to look at: children that cannot outlive a failed test, and every Python
 * of the machine.
 */
#ifndef LOOPSTALL_TESTS_UNIT_TARGET_CHILD_H
#define LOOPSTALL_TESTS_UNIT_TARGET_CHILD_H

#include <criterion/criterion.h>
#include <glob.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "python/py_offsets.h"

#define PATIENCE_MS 10000
#define PAUSE_MS 20
#define CHILD_LIFE_S 60

/* Where `make interpreters` puts trees of a newer Debian. */
#define TREES TEST_DATA_DIR "/../../debian/"

/* Becomes the interpreter of another tree, which takes root, and a mount namespace of its own. */
static inline void enter_tree(const char *program, const char *arg, const char *arg2)
{
	const char *path = strstr(program, "/usr/bin/");
	char root[160];

	if (strncmp(program, TREES, strlen(TREES)) || !path)
		return;
	snprintf(root, sizeof(root), "%.*s", (int)(path - program), program);
	execlp("unshare", "unshare", "-m", "tests/live/enter_tree.sh", root, "/var/tmp", "--", path,
	       arg, arg2, NULL);
}

static inline pid_t start(const char *program, const char *arg, const char *arg2)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	/* No orphan if the test fails. */
	alarm(CHILD_LIFE_S);
	if (getppid() != parent || !freopen("/dev/null", "w", stderr))
		_exit(1);
	enter_tree(program, arg, arg2);
	execlp(program, program, arg, arg2, NULL);
	_exit(127);
}

static inline void stop(const pid_t *pid)
{
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
}

static inline void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/*
 * A name in PATH may be a launcher for a version that is not there, or a version that is not
 * supported.
 */
static inline bool is_interpreter(const char *name)
{
	char program[160];
	int status = 0;
	pid_t pid;

	snprintf(program, sizeof(program),
		 "import sys, asyncio\n"
		 "sys.exit(not (sys.version_info[:2] >= (3, %d) and sys.version_info[:2] <= (3, "
		 "%d)))\n",
		 PY_MINOR_MIN, PY_MINOR_MAX);
	pid = start(name, "-c", program);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

/* Adds those of the environment variable PYTHONS (a colon list). */
static inline void glob_named(glob_t *found)
{
	const char *named = getenv("PYTHONS");
	_cleanup_free_ char *list = strdup(named ? named : "");
	char *rest = list;

	for (char *path; (path = strsep(&rest, ":"));)
		if (*path)
			glob(path, GLOB_APPEND, NULL, found);
}

/*
 * Calls `fn` with each Python there is: the system's, those of PYTHONS, of version managers in the
 * home directory and, for root, of newer Debians, as tests/live/interpreters.py finds them. Fails
 * if there is none.
 */
static inline void for_each_python(void (*fn)(const char *path))
{
	static const char *const patterns[] = {
		"/usr/bin/python3",
		"~/.pyenv/versions/3.*/bin/python3",
		"~/.asdf/installs/python/3.*/bin/python3",
		"~/.local/share/uv/python/*/bin/python3",
		"/opt/python/*/bin/python3",
		TREES "*/usr/bin/python3.1[0-9]",
	};
	glob_t found = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
		glob(patterns[i], GLOB_TILDE | (i ? GLOB_APPEND : 0), NULL, &found);
	glob_named(&found);
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (is_interpreter(found.gl_pathv[i])) {
			fn(found.gl_pathv[i]);
			n++;
		}
	globfree(&found);
	cr_assert(n, "no python3 found");
}

#endif
