/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UTF-8 in and out, and text made safe for a terminal.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/escape.h"
#include "base/utf8.h"

Test(utf8, decode_valid)
{
	static const struct {
		const char *text;
		uint32_t c;
	} cases[] = {
		{ "a", 'a' },
		{ "\xc2\x80", 0x80 },
		{ "\xc3\xbc", 0xfc },
		{ "\xe4\xb8\xad", 0x4e2d },
		{ "\xef\xbf\xbf", 0xffff },
		{ "\xf0\x9f\x98\x80", 0x1f600 },
		{ "\xf4\x8f\xbf\xbf", 0x10ffff },
	};
	char back[UTF8_MAX_BYTES];
	uint32_t c;
	size_t i;

	for (i = 0; i < N_OF(cases); i++) {
		cr_assert_eq(utf8__decode(cases[i].text, strlen(cases[i].text), &c),
			     strlen(cases[i].text));
		cr_assert_eq(c, cases[i].c);
		cr_assert_eq(utf8__encode(c, back), strlen(cases[i].text));
		cr_assert_arr_eq(back, cases[i].text, strlen(cases[i].text));
	}
}

Test(utf8, decode_invalid)
{
	static const char *const cases[] = {
		"\x80",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc3",
		"\xe0\x80\x80",
		"\xe4\xb8",
		"\xed\xa0\x80",
		"\xf0\x80\x80\x80",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xff",
		"\xc3x",
	};
	uint32_t c;
	size_t i;

	for (i = 0; i < N_OF(cases); i++)
		cr_assert_eq(utf8__decode(cases[i], strlen(cases[i]), &c), 0, "case %zu", i);
	cr_assert_eq(utf8__decode("", 0, &c), 0);
	cr_assert_eq(utf8__decode("\xe4\xb8\xad", 2, &c), 0);
}

Test(utf8, encode_replaces_what_it_cannot_hold)
{
	char out[UTF8_MAX_BYTES];

	cr_assert_eq(utf8__encode(0xd800, out), 3);
	cr_assert_arr_eq(out, "\xef\xbf\xbd", 3);
	cr_assert_eq(utf8__encode(0x110000, out), 3);
	cr_assert_arr_eq(out, "\xef\xbf\xbd", 3);
}

Test(utf8, sanitize)
{
	char out[16];

	cr_assert_eq(utf8__sanitize("w\xc3\xa4\xffx", out, sizeof(out)), 7);
	cr_assert_str_eq(out, "w\xc3\xa4\xef\xbf\xbdx");
	cr_assert_eq(utf8__sanitize("0123456789abcde", out, sizeof(out)), 15);
	cr_assert_str_eq(out, "0123456789abcde");
	cr_assert_eq(utf8__sanitize("0123456789abcdef", out, sizeof(out)), 15);
	cr_assert_str_eq(out, "0123456789ab...");
}

Test(utf8, wide_text)
{
	static const uint16_t two[] = { 'n', 0xe4, 0x3c9, 0xd83d, 0xde00 };
	static const uint32_t four[] = { 0x1f600, 0, 0x110000 };
	char out[64];

	utf8__from_wide("w\xe4", 2, 1, false, out, sizeof(out));
	cr_assert_str_eq(out, "w\xc3\xa4");
	utf8__from_wide(two, 5, 2, false, out, sizeof(out));
	cr_assert_str_eq(out, "n\xc3\xa4\xcf\x89\xef\xbf\xbd\xef\xbf\xbd");
	utf8__from_wide(four, 3, 4, true, out, sizeof(out));
	cr_assert_str_eq(out, "\xf0\x9f\x98\x80\xef\xbf\xbd\xef\xbf\xbd...");
}

Test(utf8, wide_text_is_cut_at_a_character)
{
	static const uint16_t text[] = { 0x4e2d, 0x6587, 0x534f };
	char out[16];
	size_t size, n;
	uint32_t c;

	for (size = 0; size < sizeof(out); size++) {
		memset(out, 'x', sizeof(out));
		n = utf8__from_wide(text, 3, 2, false, out, size);
		cr_assert(n < size || size == 0);
		cr_assert(size == 0 || out[n] == '\0');
		cr_assert_eq(out[size], 'x');
		cr_assert(n == 0 || utf8__decode(out, n, &c) > 0);
	}
	utf8__from_wide(text, 3, 2, false, out, 9);
	cr_assert_str_eq(out, "\xe4\xb8\xad...");
}

static void check_escape(const char *in, const char *expected)
{
	char out[128];

	cr_assert_eq(text__escape(in, out, sizeof(out)), strlen(expected));
	cr_assert_str_eq(out, expected);
}

Test(escape, harmless_text_is_kept)
{
	check_escape("", "");
	check_escape("plain [text] 100%", "plain [text] 100%");
	check_escape("n\xc3\xa4me-\xcf\x89 \xf0\x9f\x98\x80",
		     "n\xc3\xa4me-\xcf\x89 \xf0\x9f\x98\x80");
}

Test(escape, controls)
{
	check_escape("a\nb\rc\td", "a\\nb\\rc\\td");
	check_escape("\x1b[31m\x07\x7f", "\\x1b[31m\\x07\\x7f");
	check_escape("back\\slash", "back\\\\slash");
	check_escape("\xc2\x85\xc2\x9b", "\\u0085\\u009b");
}

Test(escape, reordering)
{
	check_escape("a\xe2\x80\xae"
		     "b",
		     "a\\u202eb");
	check_escape("\xe2\x81\xa6\xd8\x9c\xe2\x80\x8f\xe2\x80\xa8",
		     "\\u2066\\u061c\\u200f\\u2028");
}

Test(escape, invalid_bytes)
{
	check_escape("a\xff\xc3", "a\\xff\\xc3");
	check_escape("\xed\xa0\x80", "\\xed\\xa0\\x80");
}

Test(escape, is_cut_between_pieces)
{
	char out[8];

	cr_assert_eq(text__escape("abc\x1bz", out, 7), 8);
	cr_assert_str_eq(out, "abc");
	cr_assert_eq(text__escape("abc\x1bz", out, 8), 8);
	cr_assert_str_eq(out, "abc\\x1b");
	cr_assert_eq(text__escape("abc", NULL, 0), 3);
}

Test(escape, output_is_always_safe)
{
	unsigned int seed = 11;
	char in[64], out[512];
	size_t i;
	int round;

	for (round = 0; round < 20000; round++) {
		for (i = 0; i < sizeof(in) - 1; i++)
			in[i] = (char)(rand_r(&seed) % 255 + 1);
		in[sizeof(in) - 1] = '\0';
		cr_assert_lt(text__escape(in, out, sizeof(out)), sizeof(out));
		for (i = 0; out[i]; i++)
			cr_assert((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
	}
}
