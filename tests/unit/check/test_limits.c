/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which limit counts for what, which entry of the allow list fits what, what is refused.
 */
#include "base/array.h"
#include "check/runs.h"

static const struct check_names fetch = {
	.coroutine = "Shop.handler",
	.task = "Task-7",
	.function = "fetch_row",
	.coroutine_file = "app/web.py",
	.file = "app/db.py",
	.line = 31,
};

Test(check_limits, last_pattern_that_fits_counts)
{
	struct check_limits l;

	check_limits__init(&l);
	cr_assert_null(check_step_limits__find(&l.max_step, &fetch));
	bench_limit(&l.max_step, "*handler", 20 * MS);
	bench_limit(&l.max_step, "", 50 * MS);
	bench_limit(&l.max_step, "", 60 * MS);
	cr_expect_eq(check_step_limits__find(&l.max_step, &fetch)->ns, 20 * MS);
	bench_limit(&l.max_step, "app/*.py", 30 * MS);
	cr_expect_eq(check_step_limits__find(&l.max_step, &fetch)->ns, 30 * MS);
	bench_limit(&l.max_step, "nobody", 1 * MS);
	cr_expect_eq(check_step_limits__find(&l.max_step, &fetch)->ns, 30 * MS);
	cr_expect_eq(check_step_limits__find(&l.max_step, &(struct check_names){ .task = "x" })->ns,
		     60 * MS);
	check_limits__done(&l);
}

/* The route with its method and without, the test as it is called, brackets and all. */
Test(check_limits, entry_route_and_test)
{
	const struct check_names names = {
		.coroutine = "RequestResponseCycle.run_asgi",
		.entry = "get_order",
		.route = "/orders/{id}",
		.request = "GET /orders/{id}",
		.test = "tests/test_orders.py::test_one[a b]",
	};
	static const char *const fit[] = { "get_*",
					   "/orders/*",
					   "GET *",
					   "GET /orders/{id}",
					   "tests/test_orders.py::*",
					   "tests/test_orders.py::test_one[a b]" };
	static const char *const no_fit[] = { "POST *", "/orders", "tests/*::test_two*", "{id}" };

	for (size_t i = 0; i < N_OF(fit); i++)
		cr_expect(check_names__fit(&names, fit[i]), "%s", fit[i]);
	for (size_t i = 0; i < N_OF(no_fit); i++)
		cr_expect_not(check_names__fit(&names, no_fit[i]), "%s", no_fit[i]);
}

Test(check_limits, threshold_is_lowered_to_the_smallest)
{
	struct check_limits l;

	check_limits__init(&l);
	cr_expect_eq(check_limits__threshold_ns(&l), 10 * MS);
	bench_limit(&l.max_step, "", 50 * MS);
	cr_expect_eq(check_limits__threshold_ns(&l), 10 * MS);
	bench_limit(&l.max_step, "handler", 2 * MS);
	cr_expect_eq(check_limits__threshold_ns(&l), 2 * MS);
	l.max_turn_ns = 1 * MS;
	cr_expect_eq(check_limits__threshold_ns(&l), 1 * MS);
	bench_limit(&l.max_step, "handler", 1);
	cr_expect_eq(check_limits__threshold_ns(&l), 100000);
	check_limits__done(&l);
}

Test(check_limits, denied_causes)
{
	struct check_limits l;
	struct err err = {};

	check_limits__init(&l);
	cr_expect_eq(check_limits__deny(&l, "sleep,network", &err), 0);
	cr_expect_eq(l.denied, (1U << LS_CAUSE_SLEEP) | (1U << LS_CAUSE_NETWORK));
	cr_expect_lt(check_limits__deny(&l, "sleeping", &err), 0);
	cr_expect_str_eq(err.what,
			 "'sleeping' is not a cause (did you mean 'sleep'?): there is cpu, sleep, "
			 "network, file, pipe, process, lock, gil, dns, pagefault, other, gc");
	cr_expect_lt(check_limits__deny(&l, "runqueue", &err), 0);
	check_limits__done(&l);
}

static bool allows(const char *entry)
{
	struct check_allow a;
	bool is_allowed;

	check_allow__init(&a, "2026-06-15");
	cr_assert_eq(check_allow__add(&a, entry, 0, NULL), 0, "%s", entry);
	is_allowed = check_allow__fits(&a, &fetch);
	cr_expect_eq(a.list[0].times > 0, is_allowed || a.list[0].is_expired);
	check_allow__done(&a);
	return is_allowed;
}

Test(check_allow, entries_that_fit)
{
	cr_expect(allows("app/db.py:31"));
	cr_expect(allows("db.py:31"));
	cr_expect(allows("*.py:31"));
	cr_expect(allows("fetch_*"));
	cr_expect(allows("Task-*"));
	cr_expect(allows("Shop.handler"));
	cr_expect(allows("app/db.py until=2026-06-15 # its last day"));
	cr_expect(allows("app/db.py"));
	cr_expect_not(allows("app/db.py:32"));
	cr_expect_not(allows("b.py:31"));
	cr_expect_not(allows("handler"));
	cr_expect_not(allows("app/db.py until=2026-06-14"));
}

Test(check_allow, a_file)
{
	struct check_allow a;
	struct err err = {};

	check_allow__init(&a, "2026-06-15");
	cr_assert_eq(check_allow__parse(&a,
					"# known\n\n  app/db.py:31   until=2026-12-31 # pool, #12  "
					"\r\nrender\n",
					"f", &err),
		     0);
	cr_assert_eq(a.n, 2);
	cr_expect_str_eq(a.list[0].pattern, "app/db.py:31");
	cr_expect_str_eq(a.list[0].until, "2026-12-31");
	cr_expect_str_eq(a.list[0].reason, "pool, #12");
	cr_expect_eq(a.list[0].line, 3);
	cr_expect_not(a.list[0].is_expired);
	cr_expect_str_eq(a.list[1].pattern, "render");
	cr_expect_null(a.list[1].reason);
	check_allow__done(&a);
}

Test(check_allow, what_is_refused)
{
	static const char *const bad[] = { "x until=2026-13-01", "x until=tomorrow", "x because",
					   "# x", "" };
	struct check_allow a;
	struct err err = {};
	size_t i;

	check_allow__init(&a, "2026-06-15");
	for (i = 0; i < N_OF(bad); i++)
		cr_expect_lt(check_allow__add(&a, bad[i], 0, &err), 0, "%s", bad[i]);
	cr_expect_lt(check_allow__parse(&a, "ok\nx until=never\n", "allow.txt", &err), 0);
	cr_expect(strstr(err.what, "allow.txt:2: "), "%s", err.what);
	check_allow__done(&a);
}

Test(limits, are_there_any)
{
	struct check_limits l;
	struct err err = {};

	check_limits__init(&l);
	cr_expect_not(check_limits__any(&l));
	l.max_stalls = 0;
	cr_expect(check_limits__any(&l));
	check_limits__init(&l);
	cr_assert_eq(check_limits__deny(&l, "sleep", &err), 0);
	cr_expect(check_limits__any(&l));
	check_limits__done(&l);
}
