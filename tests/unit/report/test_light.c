/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A run of which light mode did not count all steps, in the formats with a table: estimates are
 * marked, and what is not known is not a number. (That of text is in test_text_summary.c.)
 */
#include "report/page_data.h"
#include "report/stalls.h"

/* 40 steps in a tenth of the time, 30 of them stalls. */
static char *light_text(const char *format)
{
	const struct report_opts opts = { .mode = "auto" };
	struct snapshot s = snapshot_make();

	report_rows[0].steps = 40;
	report_rows[0].stalls = 30;
	s.steps = 40;
	s.exact_cpu_ns = 100 * MS;
	s.light_cpu_ns = 900 * MS;
	cr_assert_eq(groups__rows(&report_groups, &s), 0);
	return summary_text(format, &s, &report_run_example, &opts);
}

Test(report_light, csv)
{
	char *text = light_text("csv");

	/* steps, total, p50, p95, p99 */
	cr_expect_not_null(strstr(text, "\"handler\",\"/srv/app/web.py\",10,4242,400,,12345,,,"),
			   "%s", text);
	cr_expect_not_null(strstr(text, "\"step\",1\r\n"), "%s", text);
	free(text);
}

Test(report_light, markdown)
{
	char *text = light_text("markdown");

	cr_expect_not_null(strstr(text, " in ~400 steps and "), "%s", text);
	cr_expect_not_null(strstr(text, "| `handler` `app/web.py:10` | 30 | 50.3 ms | - |"), "%s",
			   text);
	free(text);
}

Test(report_light, html)
{
	char *text = light_text("html");
	json_t *data = page_data(text), *light = json_object_get(data, "light"), *row;

	cr_expect_eq(json_integer_value(json_object_get(light, "steps")), 400);
	row = json_array_get(json_object_get(light, "rows"), 0);
	cr_expect_eq(json_integer_value(json_object_get(row, "steps")), 400);
	cr_expect_eq(json_integer_value(json_object_get(row, "p50_ns")), 12345);
	cr_expect(json_is_null(json_object_get(row, "total_ns")));
	cr_expect(json_is_null(json_object_get(row, "p99_ns")));
	json_decref(data);
	free(text);
}

Test(report_light, all_was_counted)
{
	const struct report_opts opts = { .mode = "exact" };
	struct snapshot s = snapshot_make();
	char *text = summary_text("html", &s, &report_run_example, &opts);
	json_t *data = page_data(text);

	cr_expect(json_is_null(json_object_get(data, "light")));
	json_decref(data);
	free(text);
	text = summary_text("markdown", &s, &report_run_example, &opts);
	cr_expect_null(strchr(text, '~'), "%s", text);
	free(text);
}
