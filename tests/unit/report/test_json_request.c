/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The request and the test of a stall as JSON: whatever the names hold, they come back as they are.
 */
#include <jansson.h>

#include "report/stalls.h"

static json_t *parse(const struct stall *stall)
{
	const struct report_opts opts = { .mode = "exact" };
	char *text = stall_text("json", stall, &opts);
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	cr_assert_not_null(json, "%s", text);
	free(text);
	return json;
}

static const char *text_of(const json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

Test(json_request, of_which_request_and_test)
{
	const json_t *request;
	struct stall s;
	json_t *json;

	stall_init(&s);
	strcpy(s.request.method, "GET");
	strcpy(s.request.route, "/orders/{id}\x1b[0m");
	strcpy(s.test, "tests/a.py::test_one[\xc3\xbc \"x\"]");
	json = parse(&s);
	request = json_object_get(json, "request");
	cr_assert_str_eq(text_of(request, "method"), "GET");
	cr_assert_str_eq(text_of(request, "route"), s.request.route);
	cr_assert_str_eq(text_of(json, "test"), s.test);
	json_decref(json);
}

Test(json_request, what_is_not_known_is_null)
{
	struct stall s;
	json_t *json;

	stall_init(&s);
	strcpy(s.request.route, "/x");
	json = parse(&s);
	cr_assert(json_is_null(json_object_get(json_object_get(json, "request"), "method")));
	json_decref(json);
	s.request.route[0] = '\0';
	json = parse(&s);
	cr_assert(json_is_null(json_object_get(json, "request")));
	cr_assert(json_is_null(json_object_get(json, "test")));
	json_decref(json);
}
