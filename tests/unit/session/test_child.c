/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The started command: held back until released, its failures told apart, nothing left behind.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session/child.h"

/* exec() wants its words writable; these are never written to. */
#define WORD(text) ((char *)(text))

static void start(struct child *c, char **argv)
{
	struct err err = {};

	cr_assert_eq(child__start(c, argv, &err), 0, "%s", err.what);
}

static void release(struct child *c)
{
	struct err err = {};

	cr_assert_eq(child__release(c, "test", &err), 0, "%s", err.what);
}

Test(session_child, waits_until_released)
{
	char path[] = "/tmp/loopstall-child-XXXXXX";
	char *argv[] = { WORD("rm"), path, NULL };
	struct child c = CHILD_INIT;

	cr_assert_geq(mkstemp(path), 0);
	start(&c, argv);
	usleep(20000);
	cr_expect_eq(access(path, F_OK), 0, "it ran too early");
	release(&c);
	child__reap(&c);
	cr_expect_neq(access(path, F_OK), 0, "it did not run");
	cr_expect(c.is_reaped && !child__has_failed(&c));
}

Test(session_child, failure_to_execute_is_told)
{
	char *argv[] = { WORD("/nonexistent/program"), NULL };
	struct child c = CHILD_INIT;
	struct err err = {};

	start(&c, argv);
	cr_expect_eq(child__release(&c, argv[0], &err), -ENOENT);
	cr_expect(strstr(err.what, "/nonexistent/program"), "%s", err.what);
	cr_expect(c.is_reaped && child__has_failed(&c));
}

Test(session_child, exit_status_and_signals)
{
	char *fails[] = { WORD("sh"), WORD("-c"), WORD("exit 3"), NULL };
	char *sleeps[] = { WORD("sleep"), WORD("100"), NULL };
	struct child c = CHILD_INIT;
	char how[64];

	start(&c, fails);
	release(&c);
	child__reap(&c);
	cr_expect(child__has_failed(&c));
	child__describe(&c, how, sizeof(how));
	cr_expect_str_eq(how, "exit status 3");

	c = (struct child)CHILD_INIT;
	start(&c, sleeps);
	release(&c);
	child__signal(&c, SIGTERM);
	child__reap(&c);
	cr_expect(child__has_failed(&c));
	child__describe(&c, how, sizeof(how));
	cr_expect_str_eq(how, "killed by signal 15 (Terminated)");
}

Test(session_child, done_leaves_nothing_behind)
{
	char *sleeps[] = { WORD("sleep"), WORD("100"), NULL };
	struct child c = CHILD_INIT;
	pid_t pid;

	start(&c, sleeps);
	pid = c.pid;
	child__done(&c);
	cr_expect(kill(pid, 0) < 0 && errno == ESRCH, "held back, it lives on");

	c = (struct child)CHILD_INIT;
	start(&c, sleeps);
	release(&c);
	pid = c.pid;
	child__done(&c);
	cr_expect(kill(pid, 0) < 0 && errno == ESRCH, "released, it lives on");
	child__done(&c);
}

Test(session_child, inherits_a_clean_signal_state)
{
	char *argv[] = { WORD("sh"), WORD("-c"), WORD("kill -PIPE $$; exit 0"), NULL };
	struct child c = CHILD_INIT;
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	start(&c, argv);
	release(&c);
	child__reap(&c);
	cr_expect(child__has_failed(&c), "SIGPIPE did not end it");
}
