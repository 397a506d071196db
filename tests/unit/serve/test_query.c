/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers and times out of queries.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "base/time.h"
#include "serve/query.h"

static uint64_t found(const char *query)
{
	uint64_t value = 7;

	cr_expect_eq(query_u64(query, "since", 1000, &value), 0, "%s", query);
	return value;
}

Test(query, a_number_is_found_by_its_name)
{
	cr_expect_eq(found("since=12"), 12);
	cr_expect_eq(found("a=1&since=1000&b=2"), 1000);
	cr_expect_eq(found("since=1&since=2"), 1);
	cr_expect_eq(found(""), 7);
	cr_expect_eq(found("sincere=12"), 7);
	cr_expect_eq(found("asince=12"), 7);
	cr_expect_eq(found("&&&"), 7);
}

Test(query, anything_else_is_refused)
{
	static const char *const bad[] = { "since=-1",
					   "since=1s",
					   "since=1001",
					   "since= 1",
					   "since=18446744073709551616",
					   "since=99999999999999999999",
					   "since=%31",
					   "since=+1" };
	uint64_t value = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(query_u64(bad[i], "since", 1000, &value), -EINVAL, "%s", bad[i]);
	cr_expect_eq(value, 7);
}

Test(query, a_time_has_a_unit)
{
	static const char *const bad[] = { "last=60",	"last=s",
					   "last=",	"last=1.5s",
					   "last=60ms", "last=-1s",
					   "last=61m",	"last=18446744073709551615m" };
	uint64_t ns = 7;

	cr_expect_eq(query_time("since=1", "last", 3600 * NS_PER_S, &ns), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(query_time(bad[i], "last", 3600 * NS_PER_S, &ns), -EINVAL, "%s",
			     bad[i]);
	cr_expect_eq(ns, 7);
	cr_expect_eq(query_time("a=1&last=60s", "last", 3600 * NS_PER_S, &ns), 0);
	cr_expect_eq(ns, 60 * NS_PER_S);
	cr_expect_eq(query_time("last=60m", "last", 3600 * NS_PER_S, &ns), 0);
	cr_expect_eq(ns, 3600 * NS_PER_S);
}
