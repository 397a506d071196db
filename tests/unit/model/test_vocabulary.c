/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a blocking call is called, at length and in a column.
 */
#include <criterion/criterion.h>

#include "model/vocabulary.h"

Test(vocabulary, calls_have_a_long_and_a_short_form)
{
	cr_assert_str_eq(vocabulary_call(NULL, LS_CAUSE_SLEEP, SIGN_NONE, "clock_nanosleep",
					 VOCABULARY_LONG),
			 "time.sleep");
	cr_assert_str_eq(vocabulary_call(NULL, LS_CAUSE_SLEEP, SIGN_NONE, "clock_nanosleep",
					 VOCABULARY_SHORT),
			 "time.sleep");
	cr_assert_str_eq(vocabulary_call(NULL, LS_CAUSE_SLEEP, SIGN_LIBRARY, "clock_nanosleep",
					 VOCABULARY_LONG),
			 "sleep in a native library");
	cr_assert_str_eq(vocabulary_call(NULL, LS_CAUSE_PROCESS, SIGN_NONE, "wait4",
					 VOCABULARY_LONG),
			 "wait for a child process");
	cr_assert_str_eq(vocabulary_call(NULL, LS_CAUSE_PROCESS, SIGN_NONE, "wait4",
					 VOCABULARY_SHORT),
			 "child process");
	cr_assert_str_eq(vocabulary_call(NULL, LS_CAUSE_GIL, SIGN_NONE, NULL, VOCABULARY_LONG),
			 "GIL");
}

Test(vocabulary, name_of_the_system_call_is_left_where_it_says_more)
{
	cr_assert_null(
		vocabulary_call(NULL, LS_CAUSE_NETWORK, SIGN_NONE, "shutdown", VOCABULARY_LONG));
	cr_assert_str_eq(vocabulary_call(NULL, LS_CAUSE_NETWORK, SIGN_NONE, "shutdown",
					 VOCABULARY_SHORT),
			 "socket");
	cr_assert_null(vocabulary_call(NULL, LS_CAUSE_SLEEP, SIGN_NONE, NULL, VOCABULARY_SHORT));
	cr_assert_null(vocabulary_call(NULL, LS_CAUSE_OTHER, SIGN_NONE, "ioctl", VOCABULARY_SHORT));
	cr_assert_null(vocabulary_call(NULL, LS_CAUSE_MAX, SIGN_NONE, "read", VOCABULARY_SHORT));
}
