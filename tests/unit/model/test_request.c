/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The request and the test of a stall, as the kernel side copied them, and the rows by them.
 */
#include "model/groups.h"
#include "model/reading.h"

static struct ls_rec_stall stall_of(const struct script *s, uint64_t span, const char *method,
				    const char *route)
{
	struct ls_rec_stall rec = script_stall(s, span, LS_UNIT_STEP);

	script_time(&rec, LS_CAUSE_SLEEP, 40 * MS);
	rec.request.state = LS_REQUEST_KNOWN;
	rec.request.method =
		method ? script_pystr(method) : (struct ls_pystr){ .kind = LS_NO_NAME };
	rec.request.route = route ? script_pystr(route) : (struct ls_pystr){ .kind = LS_NO_NAME };
	return rec;
}

static void check(struct ls_rec_stall *rec, struct script *s, const char *method, const char *route,
		  const char *label)
{
	script_send_stall(s, rec);
	cr_assert_str_eq(s->stall.request.method, method);
	cr_assert_str_eq(s->stall.request.route, route);
	cr_assert_str_eq(s->stall.request.label, label);
}

Test(request, has_a_method_and_a_route)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = stall_of(s, 1, "GET", "/items/{id}");

	check(&rec, s, "GET", "/items/{id}", "GET /items/{id}");
	rec = stall_of(s, 2, NULL, "/ws");
	check(&rec, s, "", "/ws", "/ws");
	rec = stall_of(s, 3, "GET", NULL);
	check(&rec, s, "GET", "", "GET");
	/* Django's have no "/" in front, and may be a regular expression. */
	rec = stall_of(s, 4, "GET", "api/<int:id>");
	check(&rec, s, "GET", "/api/<int:id>", "GET /api/<int:id>");
	rec = stall_of(s, 5, "GET", "^api/(?P<id>[0-9])$");
	check(&rec, s, "GET", "^api/(?P<id>[0-9])$", "GET ^api/(?P<id>[0-9])$");
	rec = stall_of(s, 6, "GET", "");
	check(&rec, s, "GET", "/", "GET /");
	script_free(s);
}

Test(request, begins_with_where_its_router_is_mounted)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = stall_of(s, 1, "GET", "/items/{id}");

	rec.request.n_prefixes = 2;
	rec.request.prefixes[0] = script_pystr("/v1");
	rec.request.prefixes[1] = script_pystr("/api");
	check(&rec, s, "GET", "/api/v1/items/{id}", "GET /api/v1/items/{id}");
	rec.span = 2;
	/* At the root. */
	rec.request.prefixes[1] = script_pystr("");
	check(&rec, s, "GET", "/v1/items/{id}", "GET /v1/items/{id}");
	rec.span = 3;
	/* An application without routes. */
	rec.request.n_prefixes = 1;
	rec.request.route.kind = LS_NO_NAME;
	rec.request.route.copied = 0;
	check(&rec, s, "GET", "/v1", "GET /v1");
	script_free(s);
}

Test(request, may_lie_below_a_prefix_that_is_not_known)
{
	struct script *s = script_new();
	struct ls_rec_stall rec = stall_of(s, 1, "GET", "/items/{id}");

	rec.request.is_partial = 1;
	check(&rec, s, "GET", "\xe2\x80\xa6/items/{id}", "GET \xe2\x80\xa6/items/{id}");
	script_free(s);
}

Test(request, is_not_known_unless_the_record_says_so)
{
	struct script *s = script_new();

	for (uint32_t state = 0; state < LS_REQUEST_STATE_MAX; state++) {
		struct ls_rec_stall rec = stall_of(s, 1 + state, "GET", "/x");

		rec.request.state = state;
		check(&rec, s, state == LS_REQUEST_KNOWN ? "GET" : "",
		      state == LS_REQUEST_KNOWN ? "/x" : "",
		      state == LS_REQUEST_KNOWN ? "GET /x" : "");
	}
	script_free(s);
}

static void check_test(struct script *s, const char *value, const char *id)
{
	struct ls_rec_stall rec = stall_of(s, ++s->stall.start_ns, NULL, NULL);

	memcpy(rec.test, value, strlen(value) + 1);
	script_send_stall(s, &rec);
	cr_assert_str_eq(s->stall.test, id);
}

Test(request, test_without_its_phase)
{
	struct script *s = script_new();

	check_test(s, "t/a.py::test_one[b c] (call)", "t/a.py::test_one[b c]");
	check_test(s, "t/a.py::test_one (setup)", "t/a.py::test_one");
	check_test(s, "t/a.py::test_one (teardown)", "t/a.py::test_one");
	check_test(s, "t/a.py::test_one[(call)]", "t/a.py::test_one[(call)]");
	check_test(s, "", "");
	check_test(s, "t/\xff.py", "t/\xef\xbf\xbd.py");
	script_free(s);
}

static const struct group_row *row_of(const struct snapshot *s, enum group_key key,
				      const char *name)
{
	for (size_t i = 0; i < s->groups[key].n; i++)
		if (!strcmp(s->groups[key].rows[i].name, name))
			return &s->groups[key].rows[i];
	return NULL;
}

Test(request, rows_by_route_and_by_test)
{
	struct script *s = script_new();
	const struct snapshot *snapshot;

	for (uint64_t i = 0; i < 5; i++) {
		struct ls_rec_stall rec =
			stall_of(s, 1 + i, "GET", i % 2 ? "/items/{id}" : "/orders");

		strcpy(rec.test[0], i ? "t.py::test_a" : "t.py::test_b");
		script_send_stall(s, &rec);
	}
	cr_assert_eq(model__snapshot(s->model, &snapshot), 0);
	cr_assert_eq(snapshot->groups[GROUP_ROUTE].n, 2);
	cr_assert_eq(row_of(snapshot, GROUP_ROUTE, "GET /items/{id}")->stalls, 2);
	cr_assert_eq(row_of(snapshot, GROUP_ROUTE, "GET /orders")->stalls, 3);
	cr_assert_eq(row_of(snapshot, GROUP_TEST, "t.py::test_a")->stalls, 4);
	cr_assert_eq(row_of(snapshot, GROUP_TEST, "t.py::test_b")->stalls, 1);
	script_free(s);
}
