/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asking the kernel for timers until all are there; going to the CPU of another thread for a
 * moment.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe/tick_clock.h"

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

/* A kernel side with so many clocks, and memory for some of them at each visit. */
struct kernel {
	struct ls_clock_status status;
	uint32_t per_visit, n_clocks, given, visits;
	int code, visit_code;
};

static int visit(void *ctx)
{
	struct kernel *k = ctx;

	k->visits++;
	if (k->visit_code)
		return k->visit_code;
	k->given += k->per_visit;
	if (k->given >= k->n_clocks)
		return 0;
	k->status.n_missing = k->n_clocks - k->given;
	k->status.err = k->code;
	return 0;
}

static struct tick_clock clock_of(struct kernel *kernel)
{
	return (struct tick_clock){
		.visit = visit,
		.visit_ctx = kernel,
		.n_clocks = kernel->n_clocks,
		.status = &kernel->status,
	};
}

Test(clock, one_visit_if_all_are_there)
{
	struct kernel kernel = { .n_clocks = 3, .per_visit = 3 };
	struct tick_clock c = clock_of(&kernel);

	cr_assert_eq(tick_clock__set_up(&c), 0);
	tick_clock__complete(&c);
	cr_assert_eq(kernel.visits, 1);
}

Test(clock, visits_until_all_are_there)
{
	struct kernel kernel = { .n_clocks = 9, .per_visit = 2, .code = -ENOMEM };
	struct tick_clock c = clock_of(&kernel);

	cr_assert_eq(tick_clock__set_up(&c), 0);
	cr_assert_eq(kernel.visits, 5);
	cr_assert_not(c.is_incomplete);
}

Test(clock, completes_later_what_is_missing)
{
	struct kernel kernel = { .n_clocks = 9, .given = 1, .code = -ENOMEM };
	struct tick_clock c = clock_of(&kernel);

	cr_assert_eq(tick_clock__set_up(&c), 0, "one is enough to start with");
	cr_assert(c.is_incomplete);
	tick_clock__complete(&c);
	cr_assert(c.is_incomplete);
	kernel.per_visit = 8;
	tick_clock__complete(&c);
	cr_assert_not(c.is_incomplete);
}

Test(clock, says_why_there_is_none)
{
	struct kernel kernel = { .n_clocks = 3, .code = -ENOMEM };
	struct tick_clock c = clock_of(&kernel);

	cr_assert_eq(tick_clock__set_up(&c), -ENOMEM);
	kernel.visit_code = -EMFILE;
	cr_assert_eq(tick_clock__set_up(&c), -EMFILE);
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
