/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Durations: every unit, decimals to the nanosecond, what is refused and in which words.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "app/duration.h"

static void expect(const char *text, uint64_t expected_ns)
{
	struct err err = {};
	uint64_t ns = 1;

	cr_assert_eq(duration_parse(text, &ns, &err), 0, "%s: %s", text, err.what);
	cr_expect_eq(ns, expected_ns, "%s is %llu ns, not %llu", text,
		     (unsigned long long)expected_ns, (unsigned long long)ns);
}

static void refuse(const char *text, int code, const char *word)
{
	struct err err = {};
	uint64_t ns = 42;

	cr_expect_eq(duration_parse(text, &ns, &err), code, "'%s'", text);
	cr_expect_eq(ns, 42, "'%s' has written its result", text);
	cr_expect(strstr(err.what, word), "'%s': \"%s\" does not say \"%s\"", text, err.what, word);
}

Test(app_duration, units)
{
	expect("1ns", 1);
	expect("2us", 2000);
	expect("10ms", 10000000);
	expect("30s", 30000000000);
	expect("2m", 120000000000);
	expect("0s", 0);
	expect("007ms", 7000000);
}

Test(app_duration, decimals)
{
	expect("1.5s", 1500000000);
	expect("0.1ms", 100000);
	expect(".5s", 500000000);
	expect("1.s", 1000000000);
	expect("0.000000001s", 1);
	expect("0.0000000019s", 1);
	expect("1.25m", 75000000000);
	expect("0.999999999s", 999999999);
}

Test(app_duration, refuses_a_bare_number)
{
	refuse("10", -EINVAL, "has no unit");
	refuse("1.5", -EINVAL, "has no unit");
	refuse("0", -EINVAL, "no unit");
}

Test(app_duration, refuses_what_is_no_duration)
{
	refuse("", -EINVAL, "not a duration");
	refuse(".", -EINVAL, "not a duration");
	refuse("ms", -EINVAL, "not a duration");
	refuse("-1s", -EINVAL, "not a duration");
	refuse("+1s", -EINVAL, "not a duration");
	refuse(" 1s", -EINVAL, "not a duration");
	refuse("1 s", -EINVAL, "unknown unit");
	refuse("1h", -EINVAL, "unknown unit");
	refuse("1sec", -EINVAL, "unknown unit");
	refuse("1.2.3s", -EINVAL, "unknown unit");
	refuse("1e3s", -EINVAL, "unknown unit");
}

Test(app_duration, refuses_what_does_not_fit)
{
	expect("9223372036854775807ns", INT64_MAX);
	refuse("9223372036854775808ns", -ERANGE, "too long");
	refuse("99999999999999999999s", -ERANGE, "too long");
	refuse("10000000000s", -ERANGE, "too long");
	refuse("18446744073709551615.9m", -ERANGE, "too long");
}

static void expect_text(uint64_t ns, const char *expected)
{
	char buf[32];

	duration_format(ns, buf, sizeof(buf));
	cr_expect_str_eq(buf, expected);
}

Test(app_duration, formats_the_shortest_exact_form)
{
	expect_text(0, "0 ns");
	expect_text(999, "999 ns");
	expect_text(100000, "100 us");
	expect_text(10000000, "10 ms");
	expect_text(1500000, "1.5 ms");
	expect_text(1050000, "1.05 ms");
	expect_text(1234567, "1234.567 us");
	expect_text(1500000000, "1.5 s");
	expect_text(90000000000, "90 s");
	expect_text(120000000000, "2 m");
	expect_text(1000000001, "1000000.001 us");
}
