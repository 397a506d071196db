/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits of our own process: raised, given back, and named.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "base/limits.h"

static char text[256];

static void limit(int resource, rlim_t soft, rlim_t hard)
{
	const struct rlimit limit = { soft, hard };

	cr_assert_eq(setrlimit(resource, &limit), 0);
}

static rlim_t soft_limit(int resource)
{
	struct rlimit limit;

	cr_assert_eq(getrlimit(resource, &limit), 0);
	return limit.rlim_cur;
}

Test(limits, files_are_raised_and_given_back)
{
	limit(RLIMIT_NOFILE, 100, 200);
	limits__raise();
	cr_expect_eq(soft_limit(RLIMIT_NOFILE), 200);
	limits__restore();
	cr_expect_eq(soft_limit(RLIMIT_NOFILE), 100);
}

Test(limits, restored_only_if_raised)
{
	limit(RLIMIT_NOFILE, 100, 200);
	limits__restore();
	cr_expect_eq(soft_limit(RLIMIT_NOFILE), 100);
}

Test(limits, files_are_named)
{
	limit(RLIMIT_NOFILE, 77, 200);
	limits__describe(-EMFILE, text, sizeof(text));
	cr_expect(strstr(text, "at most 77 files"), "%s", text);
	limits__describe(-ENFILE, text, sizeof(text));
	cr_expect(strstr(text, "whole system"), "%s", text);
	limits__describe(-ENOENT, text, sizeof(text));
	cr_expect_str_empty(text);
}

Test(limits, memory_is_named_if_it_is_limited)
{
	limits__describe(-ENOMEM, text, sizeof(text));
	cr_expect(soft_limit(RLIMIT_AS) != RLIM_INFINITY || !*text, "%s", text);
	/* Not for longer: a sanitizer's own memory is more than this. */
	limit(RLIMIT_AS, 1 << 30, RLIM_INFINITY);
	limits__describe(-ENOMEM, text, sizeof(text));
	limit(RLIMIT_AS, RLIM_INFINITY, RLIM_INFINITY);
	cr_expect(strstr(text, "at most 1024 MiB"), "%s", text);
}
