/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task names as the kernel side copied them.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stream/pystr.h"

static void check(uint8_t kind, uint32_t length, const void *data, size_t copied,
		  const char *expected)
{
	struct ls_pystr str = { .kind = kind, .length = length, .copied = (uint16_t)copied };
	char buf[4 * LS_NAME_BYTES + 32];

	memcpy(str.data, data, copied);
	pystr__to_utf8(&str, buf, sizeof(buf));
	cr_assert_str_eq(buf, expected);
}

Test(pystr, kinds)
{
	static const uint16_t two[] = { 'n', 0xe4, 'm', 'e', '-', 0x3c9 };
	static const uint32_t four[] = { 0x1f600, 'x' };

	check(1, 6, "Task-7", 6, "Task-7");
	check(1, 3, "w\xe4h", 3, "w\xc3\xa4h");
	check(2, 6, two, sizeof(two), "n\xc3\xa4me-\xcf\x89");
	check(4, 2, four, sizeof(four), "\xf0\x9f\x98\x80x");
	check(1, 0, "", 0, "");
}

Test(pystr, number)
{
	struct ls_pystr str = { .number = 12345 };
	char buf[32];

	pystr__to_utf8(&str, buf, sizeof(buf));
	cr_assert_str_eq(buf, "Task-12345");
	str.number = UINT64_MAX;
	pystr__to_utf8(&str, buf, sizeof(buf));
	cr_assert_str_eq(buf, "Task-18446744073709551615");
}

Test(pystr, unreadable)
{
	check(0xff, 0, "", 0, "?");
	check(3, 4, "abcd", 4, "?");
	check(1, 5, "", 0, "?");
	/* Not even one whole character. */
	check(4, 5, "ab", 2, "?");
}

Test(pystr, cut)
{
	static const uint16_t bad[] = { 0xd800, 'x' };

	check(1, 200, "abc", 3, "abc...");
	check(1, 2, "abc", 3, "ab");
	check(2, 2, bad, sizeof(bad), "\xef\xbf\xbdx");
}

/* A record that nobody checked must not lead out of the buffer either. */
Test(pystr, hostile)
{
	unsigned int seed = 3;
	struct ls_pystr *str = malloc(sizeof(*str));
	char *buf;
	size_t i, size;
	int round;

	cr_assert(str);
	for (round = 0; round < 20000; round++) {
		for (i = 0; i < sizeof(*str); i++)
			((uint8_t *)str)[i] = (uint8_t)rand_r(&seed);
		str->kind &= 7;
		size = (size_t)rand_r(&seed) % 64;
		buf = malloc(size ? size : 1);
		cr_assert(buf);
		pystr__to_utf8(str, buf, size);
		cr_assert(size == 0 || strnlen(buf, size) < size);
		free(buf);
	}
	free(str);
}
