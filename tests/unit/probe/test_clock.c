/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Going to the CPU of another thread for a moment, and staying away from it.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe/clock.h"

#define TRIES 1000

/* A child that computes, or sleeps; it goes with us. */
static pid_t start(bool is_computing)
{
	const pid_t pid = fork();

	if (pid)
		return pid;
	alarm(20);
	while (is_computing)
		;
	pause();
	_exit(0);
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* What it comes to; a child needs a moment to get where it is to be. */
static int nudge_until(pid_t pid, int wanted)
{
	int code = clock_nudge(pid);

	for (int i = 0; code != wanted && i < TRIES; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		code = clock_nudge(pid);
	}
	return code;
}

Test(clock, nudges_who_computes_and_comes_back)
{
	cpu_set_t before, after;
	pid_t pid = start(true);

	cr_assert_eq(sched_getaffinity(0, sizeof(before), &before), 0);
	cr_assert_eq(nudge_until(pid, 0), 0);
	cr_assert_eq(sched_getaffinity(0, sizeof(after), &after), 0);
	cr_assert(CPU_EQUAL(&before, &after));
	end(pid);
}

Test(clock, leaves_who_sleeps)
{
	pid_t pid = start(false);

	cr_assert_eq(nudge_until(pid, -ESRCH), -ESRCH);
	end(pid);
}

Test(clock, who_is_gone)
{
	pid_t pid = start(false);

	end(pid);
	cr_assert_eq(clock_nudge(pid), -ENOENT);
}
