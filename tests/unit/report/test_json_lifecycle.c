/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Groups of tasks as JSON.
 */
#include <jansson.h>

#include "report/stalls.h"

static const struct report_opts opts = { .mode = "exact" };

static void check_int(const json_t *json, const char *key, json_int_t value)
{
	cr_expect_eq(json_integer_value(json_object_get(json, key)), value, "%s", key);
}

static void check_text(const json_t *json, const char *key, const char *value)
{
	cr_expect_str_eq(json_string_value(json_object_get(json, key)) ?: "", value, "%s", key);
}

static void check_null(const json_t *json, const char *key)
{
	cr_expect(json_is_null(json_object_get(json, key)), "%s", key);
}

Test(json_lifecycle, rows)
{
	struct life_row lives[] = {
		{ .pid = 7,
		  .kind = LIFE_DEADLOCK,
		  .coroutine = { "pay", "/srv/app.py", 10 },
		  .other = { "refund", "/srv/app.py", 20 },
		  .at = { "pay", "/srv/app.py", 12 },
		  .type = "Task",
		  .origin = { 31, "/srv/app.py", "start" },
		  .count = 2,
		  .count_first = 1,
		  .count_max = 3,
		  .since_ns = 5 * MS,
		  .found = 2,
		  .found_ns = 7 * MS },
		{ .pid = 7, .kind = LIFE_ALIVE, .unawaited = 4 },
	};
	struct snapshot snap = { .n_lives = 2, .lives = lives };
	char *text = summary_text("json", &snap, &report_run_example, &opts);
	json_t *json = json_loads(text, 0, NULL);
	const json_t *rows = json_object_get(json, "lifecycle"), *row;

	cr_assert_eq(json_array_size(rows), 2);
	row = json_array_get(rows, 0);
	cr_expect_eq(json_object_size(row), 13);
	check_text(row, "kind", "deadlock");
	check_text(json_object_get(row, "coroutine"), "name", "pay");
	check_text(json_object_get(row, "other"), "name", "refund");
	check_int(json_object_get(row, "where"), "line", 12);
	check_int(json_object_get(row, "created"), "line", 31);
	check_text(json_object_get(row, "created"), "function", "start");
	check_int(row, "count", 2);
	check_int(row, "count_first", 1);
	check_int(row, "count_max", 3);
	check_null(row, "unawaited");
	check_int(row, "since_ns", 5 * MS);
	check_int(row, "problem_ns", 7 * MS);
	row = json_array_get(rows, 1);
	check_null(row, "coroutine");
	check_null(row, "other");
	check_null(row, "type");
	check_null(row, "created");
	check_null(row, "since_ns");
	check_int(row, "unawaited", 4);
	json_decref(json);
	free(text);
}
