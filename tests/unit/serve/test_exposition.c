/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text of metrics: both formats, escaped labels, exact numbers, histograms and exemplars.
 */
#include "page.h"

#include "base/array.h"

TestSuite(exposition);

static char *text;

static void write_one(enum exposition_format format, const char *label)
{
	static const struct exposition_family family = { "x_seconds", EXPOSITION_COUNTER, "seconds",
							 "A help." };
	struct exposition_labels labels = {};
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct exposition x = { .out = out, .format = format };

	exposition_labels__add(&labels, "a", label);
	exposition_labels__add(&labels, "empty", "");
	exposition__begin(&x, &family);
	exposition__seconds(&x, &labels, 1500000001);
	exposition__end(&x);
	fclose(out);
}

Test(exposition, the_two_formats_differ_in_names_units_and_end)
{
	write_one(EXPOSITION_TEXT, "b");
	cr_expect_str_eq(text,
			 "# HELP x_seconds_total A help.\n# TYPE x_seconds_total counter\n"
			 "x_seconds_total{a=\"b\"} 1.500000001\n");
	free(text);
	write_one(EXPOSITION_OPENMETRICS, "b");
	cr_expect_str_eq(text,
			 "# HELP x_seconds A help.\n# TYPE x_seconds counter\n"
			 "# UNIT x_seconds seconds\n"
			 "x_seconds_total{a=\"b\"} 1.500000001\n# EOF\n");
	free(text);
}

Test(exposition, labels_cannot_leave_their_quotes)
{
	write_one(EXPOSITION_TEXT, "a\"} 1\nx\\");
	cr_expect_not_null(strstr(text, "{a=\"a\\\"} 1\\nx\\\\\"} 1.5"));
	free(text);
	write_one(EXPOSITION_TEXT, "z\xff\xc0y");
	cr_expect_not_null(strstr(text, "{a=\"z\xef\xbf\xbd\xef\xbf\xbdy\"}"));
	free(text);
}

Test(exposition, the_client_chooses_the_format)
{
	static const struct {
		const char *accept;
		enum exposition_format format;
	} cases[] = {
		{ "", EXPOSITION_TEXT },
		{ "*/*", EXPOSITION_TEXT },
		{ "text/plain", EXPOSITION_TEXT },
		{ "application/openmetrics-text", EXPOSITION_OPENMETRICS },
		{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
		  "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		  EXPOSITION_OPENMETRICS },
		{ "text/plain;version=0.0.4;q=1, application/openmetrics-text;q=0.5",
		  EXPOSITION_TEXT },
		{ "application/openmetrics-text;q=0", EXPOSITION_TEXT },
		{ "application/openmetrics-text;", EXPOSITION_OPENMETRICS },
		{ ",,;;q=,", EXPOSITION_TEXT },
		{ "application/openmetrics-text;version=1.0.0; Q=0.5,text/html", EXPOSITION_TEXT },
	};

	for (size_t i = 0; i < N_OF(cases); i++)
		cr_expect_eq(exposition_choose(cases[i].accept), cases[i].format, "%s",
			     cases[i].accept);
}

Test(exposition, bounds_are_edges_of_the_kernels_histogram)
{
	for (size_t i = 0; i < TALLY_N_BOUNDS; i++) {
		const uint64_t ns = tally_bound_ns(i);

		cr_expect_neq(ls_hist_index(ns), ls_hist_index(ns - 1));
		cr_expect_eq(tally_bucket_of(ns - 1), i);
		cr_expect_eq(tally_bucket_of(ns), i + 1);
	}
}

static void read_steps(void)
{
	struct ls_thread_stats stats = thread_stats(3 * SECOND, 0);

	registry_begins(0);
	knows(PID, "shop");
	registry__begin_pass(registry, true);
	reads_thread(PID, false, &stats);
	reads_coroutine(PID, "fast", 30, MS / 2, 0);
	reads_coroutine(PID, "slow", 2, 50 * MS, 2);
	registry__end_pass(registry);
	stalls(PID, "fetch", 50, LS_CAUSE_SLEEP);
}

Test(exposition, buckets_hold_all_that_is_shorter)
{
	read_steps();
	cr_expect_str_eq(
		value_of("loopstall_step_duration_seconds_bucket{service=\"shop\",le=\"+Inf\"}"),
		"32");
	cr_expect_str_eq(value_of("loopstall_step_duration_seconds_bucket{service=\"shop\","
				  "le=\"0.00098304\"}"),
			 "30");
	cr_expect_str_eq(value_of("loopstall_step_duration_seconds_count{service=\"shop\"}"), "32");
	cr_expect_str_eq(value_of("loopstall_step_duration_seconds_sum{service=\"shop\"}"),
			 "0.115");
	registry_ends();
}

Test(exposition, exemplars_tell_task_line_and_cause)
{
	char *openmetrics, *plain;

	read_steps();
	registry->clock_offset_ns = 5;
	stalls(PID, "fetch", 49, LS_CAUSE_SLEEP);
	openmetrics = page(EXPOSITION_OPENMETRICS);
	cr_expect_not_null(strstr(openmetrics,
				  " # {cause=\"sleep\",line=\"app/db.py:31\",task=\"Task-7\"} "
				  "0.049 1000.049000005\n"));
	plain = page(EXPOSITION_TEXT);
	cr_expect_null(strstr(plain, "Task-7"));
	free(openmetrics);
	free(plain);
	registry_ends();
}

Test(exposition, exemplars_tell_the_trace_first)
{
	struct stall stall = {
		.pid = PID,
		.unit = LS_UNIT_STEP,
		.cause = LS_CAUSE_SLEEP,
		.duration_ns = 49 * NS_PER_MS,
		.task_name = "Task-with-a-name-that-is-too-long-beside-the-others",
		.trace = { { 0x0123456789abcdef, 0x42 }, 0x7f },
	};
	char *openmetrics;

	read_steps();
	cr_assert_eq(registry__add_stall(registry, &stall), 0);
	openmetrics = page(EXPOSITION_OPENMETRICS);
	cr_expect_not_null(strstr(openmetrics,
				  " # {trace_id=\"efcdab89674523014200000000000000\","
				  "span_id=\"7f00000000000000\",cause=\"sleep\",task=\"Task-with"));
	free(openmetrics);
	registry_ends();
}

Test(exposition, the_number_of_series_is_told)
{
	char n[32];

	read_steps();
	snprintf(n, sizeof(n), "%zu", count_series());
	cr_expect_str_eq(value_of("loopstall_series"), n);
	registry_ends();
}
