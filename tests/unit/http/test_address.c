/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of --listen: which are an address, who can reach it, how it is printed.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "http/address.h"

Test(http_address, good_ones)
{
	static const struct {
		const char *text, *printed;
		bool is_local;
	} cases[] = {
		{ "127.0.0.1:9487", "127.0.0.1:9487", true },
		{ "localhost:0", "127.0.0.1:0", true },
		{ "127.255.1.2:65535", "127.255.1.2:65535", true },
		{ "[::1]:80", "[::1]:80", true },
		{ "0.0.0.0:80", "0.0.0.0:80", false },
		{ "[::]:80", "[::]:80", false },
		{ "[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:80", false },
		{ "128.0.0.1:80", "128.0.0.1:80", false },
		{ "unix:/run/x", "unix:/run/x", true },
		{ "unix:./x:1", "unix:./x:1", true },
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		struct http_address a = {};
		struct err err = {};
		char text[HTTP_ADDRESS_TEXT_BYTES];

		cr_assert_eq(http_address__parse(&a, cases[i].text, &err), 0, "%s", cases[i].text);
		http_address__print(&a, text, sizeof(text));
		cr_expect_str_eq(text, cases[i].printed);
		cr_expect_eq(a.is_local, cases[i].is_local, "%s", cases[i].text);
	}
}

Test(http_address, bad_ones_change_nothing)
{
	static const char *const cases[] = {
		"",
		":",
		"80",
		":80",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:x",
		"127.0.0.1:65536",
		"127.0.0.1:0080000",
		"::1:80",
		"[::1]",
		"[]:80",
		"[127.0.0.1]:80",
		"1.2.3:80",
		"host:80",
		"unix:",
		"unix:relative",
		"unix:@abstract",
	};
	char long_path[256] = "unix:/";

	memset(long_path + 6, 'x', 200);
	for (size_t i = 0; i <= N_OF(cases); i++) {
		const char *text = i < N_OF(cases) ? cases[i] : long_path;
		struct http_address a = { .bytes = 77 };
		struct err err = {};

		cr_expect_eq(http_address__parse(&a, text, &err), -EINVAL, "'%s'", text);
		cr_expect_eq(a.bytes, 77);
		cr_expect_not_null(strstr(err.what, text), "%s", err.what);
	}
}
