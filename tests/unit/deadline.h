/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests that end by SIGALRM if they last too long. Not by Criterion's `.timeout`: the list of
 * timeouts of BoxFort, which runs its tests, loses entries when two such tests run at once
 * (bxfi_cancel_timeout() follows an entry that it has moved to another list), and a lost entry is
 * a leak in the sanitizer's eyes.
 */
#ifndef LOOPSTALL_TESTS_UNIT_DEADLINE_H
#define LOOPSTALL_TESTS_UNIT_DEADLINE_H

#include <criterion/criterion.h>
#include <unistd.h>

#define TEST_WITHIN(max_s, suite, name)                                                            \
	static void suite##_                                                                       \
	##name##_deadline(void)                                                                    \
	{                                                                                          \
		alarm(max_s);                                                                      \
	}                                                                                          \
	Test(suite, name, .init = suite##_##name##_deadline)

#endif
