/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One item that never comes back, or crashes, does not keep the others from being done.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/supervise.h"
#include "base/time.h"

#define N 5
#define FINE (-1)
#define MAX_TEST_S 20 /* see deadline.h */

/* Shared with the children. */
struct shared {
	int n_done[N];
};

static struct test_case {
	struct shared *shared;
	size_t bad; /* item */
	int how; /* FINE, 0: stuck, or a signal */
	size_t last; /* item that is done */
	int left_out[N]; /* FINE, or as above */
} c;

static void begin(void)
{
	alarm(MAX_TEST_S);
	c = (struct test_case){ .shared = supervise_alloc(sizeof(*c.shared)),
				.how = FINE,
				.last = N };
	cr_assert_not_null(c.shared);
	for (size_t i = 0; i < N; i++)
		c.left_out[i] = FINE;
}

static bool work(void *ctx, size_t i)
{
	(void)ctx;
	if (i == c.bad && c.how > 0)
		kill(getpid(), c.how);
	if (i == c.bad && c.how == 0)
		sleep(20);
	c.shared->n_done[i]++;
	return i != c.last;
}

static void leave_out(void *ctx, size_t i, int number)
{
	(void)ctx;
	c.left_out[i] = number;
}

/* Each item is done once, but for the bad one. */
static void expect_done(size_t n)
{
	supervise(&(struct supervised){ .n = N, .work = work, .leave_out = leave_out });
	for (size_t i = 0; i < N; i++) {
		const bool is_bad = i == c.bad && c.how != FINE;

		cr_expect_eq(c.shared->n_done[i], i < n && !is_bad, "item %zu", i);
		cr_expect_eq(c.left_out[i], is_bad ? c.how : FINE, "item %zu", i);
	}
}

TestSuite(supervise, .init = begin);

Test(supervise, all_are_done)
{
	expect_done(N);
}

Test(supervise, it_ends_where_the_work_says_so)
{
	c.last = 2;
	expect_done(3);
}

Test(supervise, a_crash_is_left_out)
{
	c.bad = 1;
	c.how = SIGKILL;
	expect_done(N);
}

Test(supervise, one_that_is_stuck_is_left_out)
{
	const uint64_t before_ns = time_now_ns(CLOCK_MONOTONIC);

	c.bad = N - 1;
	c.how = 0;
	expect_done(N);
	cr_expect_lt(time_now_ns(CLOCK_MONOTONIC) - before_ns, 5 * NS_PER_S);
}

static bool wait_for_reader(void *ctx, size_t i)
{
	(void)ctx;
	supervise_pause(true);
	usleep(i ? 0 : 900000);
	supervise_pause(false);
	c.shared->n_done[i]++;
	return true;
}

Test(supervise, one_that_waits_for_somebody_else_is_not_stuck)
{
	supervise(&(struct supervised){ .n = N, .work = wait_for_reader, .leave_out = leave_out });
	for (size_t i = 0; i < N; i++)
		cr_expect_eq(c.shared->n_done[i], 1);
}
