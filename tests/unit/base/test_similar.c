/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What somebody meant who mistyped a word.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/array.h"
#include "base/similar.h"

static const char *const words[] = { "top",  "trace", "record",	   "report", "check",
				     "dump", "ls",    "threshold", "pid",    "duration" };

static void expect(const char *typed, const char *meant)
{
	struct similar s = SIMILAR_TO(typed);

	for (size_t i = 0; i < N_OF(words); i++)
		similar__offer(&s, words[i]);
	cr_expect_str_eq(s.word ?: "nothing", meant, "%s: %s", typed, s.word ?: "nothing");
}

Test(similar, finds_the_nearest_word)
{
	expect("tpo", "top");
	expect("trcae", "trace");
	expect("treshold", "threshold");
	expect("thresholdd", "threshold");
	expect("thrashold", "threshold");
	expect("pidd", "pid");
	expect("recrod", "record");
	expect("reprot", "report");
	expect("trace", "trace");
	expect("dur", "duration");
	expect("recordings", "record");
}

Test(similar, guesses_nothing_that_is_far)
{
	expect("", "nothing");
	expect("x", "nothing");
	expect("status", "nothing");
	expect("l", "nothing");
	expect("a-word-that-is-longer-than-any-command-is", "nothing");
}

Test(similar, hint)
{
	struct similar s = SIMILAR_TO("pidd");
	char buf[SIMILAR_BYTES];

	cr_expect_str_eq(similar__hint(&s, "--", buf), "");
	similar__offer(&s, "pid");
	cr_expect_str_eq(similar__hint(&s, "--", buf), " (did you mean '--pid'?)");
}
