/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line of JSON read back, and assertions about its members.
 */
#ifndef LOOPSTALL_TESTS_REPORT_JSON_CHECK_H
#define LOOPSTALL_TESTS_REPORT_JSON_CHECK_H

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Parses a text that must be one line, and nothing but ASCII. */
static inline json_t *parse(char *text)
{
	json_error_t error;
	json_t *json;
	size_t i, n = strlen(text);

	cr_assert_eq(strchr(text, '\n'), text + n - 1, "one line: %s", text);
	for (i = 0; i + 1 < n; i++)
		cr_assert(text[i] >= ' ' && text[i] < 0x7f, "byte %d in %s", text[i], text);
	json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	cr_assert_not_null(json, "%s: %s", error.text, text);
	free(text);
	return json;
}

/* The object has exactly these members: names up to a NULL. */
static inline void check_keys(const json_t *json, ...)
{
	const char *key;
	size_t n = 0;
	va_list args;

	va_start(args, json);
	for (; (key = va_arg(args, const char *)) != NULL; n++)
		cr_assert_not_null(json_object_get(json, key), "no member %s", key);
	va_end(args);
	cr_assert_eq(json_object_size(json), n, "%zu members, not %zu", json_object_size(json), n);
}

static inline void check_int(const json_t *json, const char *key, json_int_t value)
{
	const json_t *member = json_object_get(json, key);

	cr_assert(json_is_integer(member), "%s is no integer", key);
	cr_assert_eq(json_integer_value(member), value, "%s is %lld", key,
		     json_integer_value(member));
}

static inline void check_text(const json_t *json, const char *key, const char *value)
{
	const json_t *member = json_object_get(json, key);

	cr_assert(json_is_string(member), "%s is no string", key);
	cr_assert_str_eq(json_string_value(member), value);
}

static inline void check_null(const json_t *json, const char *key)
{
	cr_assert(json_is_null(json_object_get(json, key)), "%s is not null", key);
}

#endif
