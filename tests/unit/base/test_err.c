/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Error details: the code passes through, long text is cut, NULL is allowed.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"

Test(err, returns_the_code)
{
	struct err err = { "", "" };

	cr_assert_eq(err__set(&err, -ENOENT, "no %s in %d", "loop", 7), -ENOENT);
	cr_assert_str_eq(err.what, "no loop in 7");
	cr_assert_eq(err__hint(&err, -ENOENT, "look at %s", "x"), -ENOENT);
	cr_assert_str_eq(err.hint, "look at x");
}

Test(err, null_is_allowed)
{
	cr_assert_eq(err__set(NULL, -EPERM, "%s", "x"), -EPERM);
	cr_assert_eq(err__hint(NULL, -EPERM, "%s", "x"), -EPERM);
}

Test(err, new_message_drops_the_old_hint)
{
	struct err err = { "", "" };

	err__hint(&err, -1, "old");
	err__set(&err, -1, "new");
	cr_assert_str_eq(err.hint, "");
}

Test(err, our_own_limit_is_the_hint)
{
	struct err err = { "", "" };

	err__set(&err, -EMFILE, "cannot open it");
	cr_assert(strstr(err.hint, "files may be open"), "%s", err.hint);
}

Test(err, long_text_is_cut)
{
	char text[1000];
	struct err err;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err__set(&err, -1, "%s", text);
	cr_assert_eq(strlen(err.what), sizeof(err.what) - 1);
}
