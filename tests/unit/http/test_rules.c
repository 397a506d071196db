/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What headers say: hosts of this machine, and encodings with their weights.
 */
#include <criterion/criterion.h>

#include "base/array.h"
#include "http/rules.h"

Test(http_rules, hosts)
{
	static const char *const local[] = { "localhost",      "LocalHost:1", "127.0.0.1",
					     "127.0.0.1:9487", "[::1]",	      "[::1]:9487",
					     "localhost:" };
	static const char *const foreign[] = {
		"",
		"evil.test",
		"localhost.",
		"127.0.0.1.evil.test",
		"128.0.0.1",
		"[::1",
		"[::1]x",
		"[localhost]",
		"::1",
		"127.0.0.1:9x",
		"0.0.0.0",
		"[::]",
		"user@localhost",
		"127.1",
		"2130706433",
		"localhost:80:80",
	};

	for (size_t i = 0; i < N_OF(local); i++)
		cr_expect(host_is_local(local[i]), "%s", local[i]);
	for (size_t i = 0; i < N_OF(foreign); i++)
		cr_expect_not(host_is_local(foreign[i]), "%s", foreign[i]);
}

Test(http_rules, encodings)
{
	static const char *const taken[] = { "gzip",	      "deflate, gzip",
					     "GZIP;q=0.1",    "*",
					     "x-gzip",	      "br;q=1.0,gzip;q=0.001",
					     "gzip ; q=1.0 ", "identity;q=0, *;q=0.5" };
	static const char *const refused[] = { "",	"identity",	 "gzip;q=0", "gzip;q=0.000",
					       "gzipp", "br, deflate",	 "*;q=0",    "gzip;q=0, *",
					       ",,;,",	"identity, ;q=1" };

	for (size_t i = 0; i < N_OF(taken); i++)
		cr_expect(encoding_takes_gzip(taken[i]), "%s", taken[i]);
	for (size_t i = 0; i < N_OF(refused); i++)
		cr_expect_not(encoding_takes_gzip(refused[i]), "%s", refused[i]);
	cr_expect_not(encoding_takes_gzip(NULL));
}

Test(http_rules, what_is_compressed)
{
	cr_expect(content_is_worth_gzip("text/plain; version=0.0.4", 5000));
	cr_expect(content_is_worth_gzip("application/openmetrics-text; version=1.0.0", 5000));
	cr_expect_not(content_is_worth_gzip("text/plain", 100));
	cr_expect_not(content_is_worth_gzip("application/octet-stream", 5000));
	cr_expect_not(content_is_worth_gzip(NULL, 5000));
	cr_expect(content_is_html("Text/HTML; charset=utf-8"));
	cr_expect_not(content_is_html("text/plain"));
}

Test(http_rules, printable)
{
	cr_expect(text_is_printable("a b~!"));
	cr_expect(text_is_printable(""));
	cr_expect_not(text_is_printable("a\nb"));
	cr_expect_not(text_is_printable("\x7f"));
	cr_expect_not(text_is_printable("\xc3\xa4"));
}
