/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pool of names.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/strings.h"

Test(strings, each_text_once)
{
	_Alignas(8) char text[] = "handler";
	struct strings *s;
	const char *a, *b;

	cr_assert_eq(strings__new(&s, 1 << 16), 0);
	a = strings__intern(s, text);
	b = strings__intern(s, "handler");
	cr_assert_neq(a, text);
	cr_assert_eq(a, b);
	cr_assert_str_eq(a, "handler");
	cr_assert_str_eq(strings__intern(s, ""), "");
	cr_assert_str_eq(strings__intern(s, "handle"), "handle");
	strings__free(s);
	strings__free(NULL);
}

Test(strings, bounded)
{
	struct strings *s;
	const char *first;
	char text[32];
	int i;

	cr_assert_eq(strings__new(&s, 1 << 12), 0);
	first = strings__intern(s, "first");
	for (i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "name %d", i);
		cr_assert_not_null(strings__intern(s, text));
	}
	cr_assert_str_eq(strings__intern(s, "one too many"), "?");
	cr_assert_eq(strings__intern(s, "first"), first);
	strings__free(s);
}
