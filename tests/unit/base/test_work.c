/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A look ends when its CPU time is used up, when a signal waits, or when it is told to.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>

#include "base/time.h"
#include "base/work.h"
#include "../deadline.h"

/* A loop over something without end. */
static int loop(uint64_t max)
{
	int r = 0;

	for (uint64_t i = 0; !r && i < max; i++)
		r = work_step();
	return r;
}

TEST_WITHIN(10, work, a_look_ends_when_its_cpu_time_is_used_up)
{
	const uint64_t before_ns = time_now_ns(CLOCK_THREAD_CPUTIME_ID);

	work_begin(20 * NS_PER_MS);
	cr_expect_eq(loop(UINT64_MAX), -ETIME);
	cr_expect_lt(time_now_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns, 60 * NS_PER_MS);
	cr_expect_eq(work_step(), -ETIME);
	cr_expect_eq(work_check(), -ETIME);
	cr_expect_eq(work_end(), -ETIME);
}

TEST_WITHIN(10, work, quick_steps_end_as_well)
{
	const uint64_t before_ns = time_now_ns(CLOCK_THREAD_CPUTIME_ID);
	int r = 0;

	cr_expect_eq(work_quick_step(), 0);
	work_begin(20 * NS_PER_MS);
	while (!r)
		r = work_quick_step();
	cr_expect_eq(r, -ETIME);
	cr_expect_lt(time_now_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns, 60 * NS_PER_MS);
	cr_expect_eq(work_step(), -ETIME);
	cr_expect_eq(work_end(), -ETIME);
	cr_expect_eq(work_quick_step(), 0);
}

Test(work, outside_of_a_look_there_is_no_limit)
{
	cr_expect_eq(loop(100000), 0);
	work_fail(-EFBIG);
	cr_expect_eq(work_check(), 0);
	work_begin(NS_PER_S);
	cr_expect_eq(loop(1000), 0);
	cr_expect_eq(work_end(), 0);
	cr_expect_eq(work_step(), 0);
}

Test(work, the_next_look_begins_anew)
{
	work_begin(NS_PER_S);
	work_fail(-EFBIG);
	work_fail(-ETIME);
	cr_expect_eq(work_step(), -EFBIG);
	cr_expect_eq(work_end(), -EFBIG);
	work_begin(NS_PER_S);
	cr_expect_eq(work_end(), 0);
}

Test(work, an_inner_look_has_no_more_than_the_outer_one)
{
	work_begin(0);
	work_begin(NS_PER_S);
	cr_expect_eq(loop(100000), -ETIME);
	cr_expect_eq(work_end(), -ETIME);
	cr_expect_eq(work_end(), -ETIME);
}

TEST_WITHIN(10, work, a_signal_that_waits_ends_it)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	work_begin(NS_PER_S);
	cr_expect_eq(loop(1000), 0);
	raise(SIGTERM);
	cr_expect_eq(loop(1000), -EINTR);
	cr_expect_eq(work_end(), -EINTR);
	/* It is still there for whom it is meant. */
	cr_expect_eq(sigtimedwait(&set, NULL, &(struct timespec){ 0 }), SIGTERM);
}
