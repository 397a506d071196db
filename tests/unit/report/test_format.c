/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers, paths and columns as people read them.
 */
#include <criterion/criterion.h>
#include <locale.h>
#include <stdlib.h>

#include "base/array.h"
#include "report/format.h"

static void check_duration(uint64_t ns, const char *text)
{
	char buf[FORMAT_NUMBER_BYTES];

	cr_assert_str_eq(format__duration(ns, buf), text, "%lu ns: %s, not %s", ns, buf, text);
}

Test(format, durations_have_three_digits)
{
	check_duration(0, "0 s");
	check_duration(1, "1 ns");
	check_duration(999, "999 ns");
	check_duration(1000, "1.00 us");
	check_duration(1234, "1.23 us");
	check_duration(12345, "12.3 us");
	check_duration(812345, "812 us");
	check_duration(50300000, "50.3 ms");
	check_duration(1420000000, "1.42 s");
	check_duration(100000000000, "100 s");
	check_duration(1000000000000, "1000 s");
	check_duration(UINT64_MAX, "18446744073 s");
}

Test(format, durations_round_up_into_the_next_unit)
{
	check_duration(999499, "999 us");
	check_duration(999500, "1.00 ms");
	check_duration(9995, "10.0 us");
	check_duration(9994, "9.99 us");
	check_duration(99950, "100 us");
	check_duration(999999999, "1.00 s");
}

Test(format, counts_are_exact_while_they_fit)
{
	char buf[FORMAT_NUMBER_BYTES];

	cr_assert_str_eq(format__count(0, buf), "0");
	cr_assert_str_eq(format__count(9999999, buf), "9999999");
	cr_assert_str_eq(format__count(12345678, buf), "12.3M");
	cr_assert_str_eq(format__count(4200000000, buf), "4.20G");
	cr_assert_str_eq(format__count(UINT64_MAX, buf), "18446744073G");
}

Test(format, bytes)
{
	char buf[FORMAT_NUMBER_BYTES];

	cr_assert_str_eq(format__bytes(0, buf), "0 B");
	cr_assert_str_eq(format__bytes(1023, buf), "1.00 KiB");
	cr_assert_str_eq(format__bytes(24222105, buf), "23.1 MiB");
}

Test(format, percents)
{
	char buf[FORMAT_NUMBER_BYTES];

	cr_assert_str_eq(format__percent(42, 10000, buf), "0.42%");
	cr_assert_str_eq(format__percent(1, 3, buf), "33.33%");
	cr_assert_str_eq(format__percent(5, 2, buf), "250.00%");
	cr_assert_str_eq(format__percent(5, 0, buf), "-");
	cr_assert_str_eq(format__percent(UINT64_MAX, UINT64_MAX, buf), "100.00%");
}

Test(format, path_tail)
{
	cr_assert_str_eq(format__path_tail("/srv/app/db.py", 2), "app/db.py");
	cr_assert_str_eq(format__path_tail("/srv/app/db.py", 1), "db.py");
	cr_assert_str_eq(format__path_tail("app/db.py", 2), "app/db.py");
	cr_assert_str_eq(format__path_tail("/db.py", 2), "/db.py");
	cr_assert_str_eq(format__path_tail("db.py", 2), "db.py");
	cr_assert_str_eq(format__path_tail("<string>", 2), "<string>");
	cr_assert_str_eq(format__path_tail("", 2), "");
}

static void check_put(void (*put)(FILE *, const char *, size_t), const char *text, size_t columns,
		      const char *expected)
{
	char *got = NULL;
	size_t size;
	FILE *out = open_memstream(&got, &size);

	put(out, text, columns);
	fclose(out);
	cr_assert_str_eq(got, expected, "'%s', not '%s'", got, expected);
	free(got);
}

Test(format, columns_are_padded_and_cut)
{
	check_put(format__left, "abc", 5, "abc  ");
	check_put(format__right, "abc", 5, "  abc");
	check_put(format__left, "abcde", 5, "abcde");
	check_put(format__left, "abcdef", 5, "abc..");
	check_put(format__right, "abcdef", 5, "abc..");
	check_put(format__left, "abcdef", 1, ".");
	check_put(format__left, "abcdef", 0, "");
	check_put(format__left, "", 2, "  ");
}

Test(format, wide_and_combining_characters_count_as_they_look)
{
	cr_assert_not_null(setlocale(LC_CTYPE, "C.UTF-8"));
	cr_assert_eq(format__columns("任务"), 4);
	cr_assert_eq(format__columns("e\xcc\x81"), 1, "e with a combining accent");
	cr_assert_eq(format__columns("задача"), 6);
	check_put(format__left, "任务", 5, "任务 ");
	check_put(format__left, "任务任务", 6, "任务..");
	check_put(format__left, "任务任务", 7, "任务.. ");
	check_put(format__left, "\xff\xff", 3, "\xff\xff ");
}

Test(format, cgroup)
{
	static const struct {
		const char *cgroup, *name;
	} cases[] = {
		{ NULL, "?" },
		{ "/docker/4f1a2b3c4d5e6f708192a3b4c5d6e7f84f1a2b3c4d5e6f708192a3b4c5d6e7f8",
		  "4f1a2b3c4d5e" },
		{ "/kubepods.slice/pod1/cri-containerd-4f1a2b3c4d5e6f708192.scope",
		  "cri-containerd-4f1a2b3c4d5e" },
		{ "/system.slice/app.service", "app.service" },
		{ "/machine.slice/box.scope", "box" },
		{ "no slash", "no slash" },
		{ "/x/", "" },
	};
	char buf[FORMAT_CGROUP_BYTES], longest[300] = "/";

	for (size_t i = 0; i < N_OF(cases); i++)
		cr_assert_str_eq(format__cgroup(cases[i].cgroup, buf), cases[i].name);
	memset(longest + 1, 'x', sizeof(longest) - 2);
	cr_assert_eq(strlen(format__cgroup(longest, buf)), FORMAT_CGROUP_BYTES - 1);
}
