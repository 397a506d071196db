/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Headers of requests: what is taken, what is refused, and that no sentence shows a value.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "otlp/settings.h"

static struct otlp_settings s;
static struct err err;

static void expect_headers(const char *first, const char *second)
{
	cr_assert_str_eq(s.headers, first);
	cr_assert_str_eq(s.headers + strlen(first) + 1, second);
	cr_assert_eq(s.header_bytes, strlen(first) + strlen(second) + 2);
}

Test(otlp_settings, of_the_command_line)
{
	cr_assert_eq(otlp_settings__add(&s, "api-key=a=b, c", &err), 0);
	cr_assert_eq(otlp_settings__add(&s, " X-Scope-OrgID =\t7 ", &err), 0);
	expect_headers("api-key: a=b, c", "X-Scope-OrgID: 7 ");
}

Test(otlp_settings, of_the_environment)
{
	cr_assert_eq(otlp_settings__add_environment(&s, "authorization=Basic%20YTpi%2C, ,x=1%3d",
						    &err),
		     0);
	expect_headers("authorization: Basic YTpi,", "x: 1=");
}

static int add_file(const char *text)
{
	char path[] = "/tmp/loopstall-test-XXXXXX";
	const int fd = mkstemp(path);
	int r;

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	r = otlp_settings__add_file(&s, path, &err);
	unlink(path);
	return r;
}

Test(otlp_settings, of_a_file)
{
	cr_assert_eq(add_file("# who we are\n\napi-key=secret\r\nx=1%20"), 0);
	expect_headers("api-key: secret", "x: 1%20");
	cr_assert_eq(otlp_settings__add_file(&s, "/nonexistent/file", &err), -ENOENT);
	cr_expect_not_null(strstr(err.what, "/nonexistent/file"));
}

Test(otlp_settings, what_is_refused_without_its_value)
{
	static const char *const bad[] = {
		"secret",      "=secret",	   "a b=secret",
		"a:b=secret",  "x=secret\r\nY: 1", "x=secret\x80",
		"x=",	       "\xc3\xa4=secret",  "Content-Type=secret",
		"host=secret",
	};
	char packed[OTLP_SETTINGS_BYTES];

	for (size_t i = 0; i < N_OF(bad); i++) {
		cr_expect_eq(otlp_settings__add(&s, bad[i], &err), -EINVAL, "%s", bad[i]);
		cr_expect_null(strstr(err.what, "secret"), "%s", err.what);
	}
	cr_expect_eq(otlp_settings__add_environment(&s, "a=secret%0d%0ax:1", &err), -EINVAL);
	cr_expect_eq(otlp_settings__add_environment(&s, "a=secret%0", &err), -EINVAL);
	cr_expect_eq(otlp_settings__add_environment(&s, "a=secret%00", &err), -EINVAL);
	cr_expect_null(strstr(err.what, "secret"), "%s", err.what);
	cr_expect_eq(s.header_bytes, 0);
	cr_expect_eq(otlp_settings__pack(&s, packed), 1);
	cr_expect_eq(*packed, '\0');
}

Test(otlp_settings, are_bounded)
{
	char text[1100] = "x=";
	int r = 0;

	memset(text + 2, 'v', sizeof(text) - 3);
	for (int i = 0; i < 8 && !r; i++)
		r = otlp_settings__add(&s, text, &err);
	cr_assert_eq(r, -E2BIG);
	cr_assert_leq(s.header_bytes, sizeof(s.headers));
	cr_assert_gt(s.header_bytes, sizeof(s.headers) - sizeof(text));
}

Test(otlp_settings, for_the_child)
{
	char packed[OTLP_SETTINGS_BYTES];

	s.ca = "/etc/ca.pem";
	cr_assert_eq(otlp_settings__add(&s, "a=1", &err), 0);
	cr_assert_eq(otlp_settings__pack(&s, packed), 12 + 5);
	cr_assert_str_eq(packed, "/etc/ca.pem");
	cr_assert_str_eq(packed + 12, "a: 1");
}
