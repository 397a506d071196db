/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a part of the program finds when it is started: which signals, and where it belongs.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/spawn.h"

/* What `script` prints when a shell is started as a part, with signals blocked and ignored here. */
static void run(const char *script, char *buf, size_t size)
{
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
	FILE *out = tmpfile();
	posix_spawn_file_actions_t actions;
	sigset_t blocked;
	size_t n;
	pid_t pid;
	int status;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	signal(SIGHUP, SIG_IGN);
	cr_assert_not_null(out);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO);
	cr_assert_eq(spawn_part(&pid, "/bin/sh", &actions, argv), 0);
	posix_spawn_file_actions_destroy(&actions);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && !WEXITSTATUS(status));
	rewind(out);
	n = fread(buf, 1, size - 1, out);
	buf[n] = '\0';
	fclose(out);
}

/* Those that have names: the C library has two more, which it sets itself. */
static unsigned long long signals_of(const char *status, const char *name)
{
	unsigned long long signals = ~0ULL;
	const char *at = strstr(status, name);

	cr_assert(at && sscanf(at, "%*[^:]: %llx", &signals) == 1, "%s", status);
	return signals & ((1ULL << 31) - 1);
}

Test(spawn, no_signal_is_blocked_or_ignored)
{
	char text[8192];

	run("exec /bin/cat /proc/self/status", text, sizeof(text));
	cr_assert_eq(signals_of(text, "SigBlk"), 0, "%s", text);
	cr_assert_eq(signals_of(text, "SigIgn"), 0, "%s", text);
}

Test(spawn, a_group_of_its_own)
{
	char text[1024];
	int pid = 0, group = 0;

	run("exec /bin/cat /proc/self/stat", text, sizeof(text));
	cr_assert_eq(sscanf(text, "%d (%*[^)]) %*c %*d %d", &pid, &group), 2, "%s", text);
	cr_assert_eq(pid, group);
}

Test(spawn, nothing_of_the_environment)
{
	char text[1024];

	setenv("LOOPSTALL_SECRET", "x", 1);
	run("exec /bin/cat /proc/self/environ", text, sizeof(text));
	cr_assert_null(strstr(text, "LOOPSTALL_SECRET"), "%s", text);
}

Test(spawn, no_such_program)
{
	posix_spawn_file_actions_t actions;
	char *const argv[] = { (char *)"x", NULL };
	pid_t pid;
	int r;

	posix_spawn_file_actions_init(&actions);
	r = spawn_part(&pid, "/proc/self/no-such-program", &actions, argv);
	cr_assert_eq(r, -ENOENT, "%d", r);
	posix_spawn_file_actions_destroy(&actions);
}
