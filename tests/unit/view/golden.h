/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text of a screen, compared with a file of tests/screens. With SCREENS_WRITE=1 in the environment
 * the file is written instead, to be looked at before it is committed.
 */
#ifndef TESTS_VIEW_GOLDEN_H
#define TESTS_VIEW_GOLDEN_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define SCREENS_DIR "tests/screens/"

static inline void compare_with_file(const char *path, const char *text)
{
	_cleanup_free_ char *expected = NULL;
	_cleanup_(file_close) FILE *f = NULL;
	size_t size = 0;

	if (getenv("SCREENS_WRITE")) {
		f = fopen(path, "w");
		cr_assert_not_null(f, "%s cannot be written", path);
		fputs(text, f);
		return;
	}
	f = fopen(path, "r");
	cr_assert_not_null(f, "%s is missing", path);
	cr_assert(getdelim(&expected, &size, '\0', f) > 0);
	cr_expect_str_eq(text, expected, "%s: the screen is now\n%s", path, text);
}

#endif
