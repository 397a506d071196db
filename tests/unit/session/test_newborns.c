/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Children that are not watched yet.
 */
#include <criterion/criterion.h>

#include "session/newborns.h"

static struct newborns all;

static bool add(pid_t pid, uint64_t due_ns)
{
	return newborns__add(&all, &(struct newborn){ .pid = pid, .due_ns = due_ns });
}

Test(session_newborns, are_taken_when_due)
{
	struct newborn new;

	cr_expect_eq(newborns__due_ns(&all), UINT64_MAX);
	cr_assert(add(1, 30) && add(2, 10) && add(3, 20));
	cr_expect_eq(newborns__due_ns(&all), 10);
	cr_expect_not(newborns__take_due(&all, 9, &new));
	cr_assert(newborns__take_due(&all, 10, &new));
	cr_expect_eq(new.pid, 2);
	cr_expect_not(newborns__take_due(&all, 10, &new));
	cr_expect_eq(newborns__due_ns(&all), 20);
	cr_expect_null(newborns__find(&all, 2));
	cr_expect_eq(newborns__find(&all, 1)->due_ns, 30);
}

Test(session_newborns, a_reused_pid_is_the_newer_child)
{
	cr_assert(add(1, 30) && add(1, 50));
	cr_expect_eq(all.n, 1);
	cr_expect_eq(newborns__due_ns(&all), 50);
}

Test(session_newborns, are_no_more_than_there_is_room_for)
{
	struct newborn new;

	for (pid_t pid = 1; pid <= MAX_NEWBORNS; pid++)
		cr_assert(add(pid, 10));
	cr_expect_not(add(MAX_NEWBORNS + 1, 10));
	cr_expect(add(7, 20), "it is there already");
	cr_assert(newborns__take_due(&all, 10, &new));
	cr_expect(add(MAX_NEWBORNS + 1, 10));
}
