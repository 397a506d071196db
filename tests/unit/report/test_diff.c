/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two runs compared: what is new, gone, worse and better; runs of different length; lines that
 * moved.
 */
#include "base/array.h"
#include "report/diff.h"

#include "report/golden_file.h"
#include "report/stalls.h"

#define SECOND (1000 * MS)

static const struct report_opts opts = { .mode = "exact" };

static void feed(struct diff *d, enum diff_side side, const char *name, uint32_t line, uint64_t ms,
		 enum ls_cause cause)
{
	struct stall s;

	stall_init(&s);
	s.coroutine = (struct code_info){ name, "/srv/app/web.py", line };
	s.call = (struct model_frame){ "fetch_row", "/srv/app/db.py", line + 20 };
	s.cause = cause;
	s.duration_ns = ms * MS;
	cr_assert_eq(diff__stall(d, side, &s), 0);
}

static void finish(struct diff *d, enum diff_side side, uint64_t duration_ns, const char *name,
		   uint64_t p99_ns)
{
	const struct coroutine_row row = { .coroutine = { name, "/srv/app/web.py", 1 },
					   .p99_ns = p99_ns };
	const struct snapshot snap = { .n_rows = 1, .rows = &row };
	const struct report_run run = { .duration_ns = duration_ns };

	cr_assert_eq(diff__finish(d, side, &snap, &run), 0);
}

static const struct diff_row *row_of(const struct diff_row *rows, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	cr_assert_fail("no row %s", name);
	return NULL;
}

/* The later run is twice as long. */
static struct diff *example(const struct diff_result **ret_result)
{
	struct diff *d;

	cr_assert_eq(diff__new(&d), 0);
	feed(d, DIFF_BEFORE, "gone", 10, 30, LS_CAUSE_SLEEP);
	feed(d, DIFF_BEFORE, "worse", 20, 20, LS_CAUSE_SLEEP);
	feed(d, DIFF_BEFORE, "better", 30, 80, LS_CAUSE_CPU);
	feed(d, DIFF_BEFORE, "same", 40, 50, LS_CAUSE_CPU);
	finish(d, DIFF_BEFORE, 10 * SECOND, "worse", 7 * MS);
	feed(d, DIFF_AFTER, "worse", 25, 60, LS_CAUSE_SLEEP);
	feed(d, DIFF_AFTER, "worse", 25, 70, LS_CAUSE_SLEEP);
	feed(d, DIFF_AFTER, "better", 35, 40, LS_CAUSE_CPU);
	feed(d, DIFF_AFTER, "same", 45, 50, LS_CAUSE_CPU);
	feed(d, DIFF_AFTER, "same", 45, 50, LS_CAUSE_CPU);
	feed(d, DIFF_AFTER, "new <b>`|\033[2J", 50, 500, LS_CAUSE_FILE);
	finish(d, DIFF_AFTER, 20 * SECOND, "worse", 9 * MS);
	cr_assert_eq(diff__result(d, ret_result), 0);
	return d;
}

Test(diff, places_are_judged_by_stalled_time_in_a_second)
{
	static const struct {
		const char *name, *change;
		double change_ns_per_s;
	} expected[] = {
		{ "new <b>`|\033[2J", "new", 25.0 * MS },
		{ "worse", "worse", 6.5 * MS - 2.0 * MS },
		{ "same", "same", 0 },
		{ "gone", "gone", -3.0 * MS },
		{ "better", "better", 2.0 * MS - 8.0 * MS },
	};
	const struct diff_result *result;
	struct diff *d = example(&result);

	cr_assert_eq(result->n_coroutines, 5);
	for (size_t i = 0; i < 5; i++) {
		const struct diff_row *row = &result->coroutines[i];

		cr_expect_str_eq(row->name, expected[i].name);
		cr_expect_str_eq(diff_change_word(row->change), expected[i].change, "%s",
				 row->name);
		cr_expect_float_eq(row->change_ns_per_s, expected[i].change_ns_per_s, 1, "%s: %f",
				   row->name, row->change_ns_per_s);
	}
	cr_expect_eq(result->side[DIFF_BEFORE].stalls, 4);
	cr_expect_eq(result->side[DIFF_AFTER].stalled_ns, 770 * MS);
	cr_expect_eq(result->side[DIFF_AFTER].max_ns, 500 * MS);
	cr_expect_eq(result->left_out, 0);
	diff__free(d);
}

Test(diff, lines_may_move_and_the_newer_one_is_told)
{
	const struct diff_result *result;
	struct diff *d = example(&result);

	cr_expect_eq(row_of(result->coroutines, result->n_coroutines, "worse")->line, 25);
	cr_expect_eq(row_of(result->coroutines, result->n_coroutines, "gone")->line, 10);
	diff__free(d);
}

Test(diff, percentile_of_a_coroutine_is_that_of_its_steps)
{
	const struct diff_result *result;
	struct diff *d = example(&result);
	const struct diff_row *row = row_of(result->coroutines, result->n_coroutines, "worse");

	cr_expect_eq(row->side[DIFF_BEFORE].p99_ns, 7 * MS);
	cr_expect_eq(row->side[DIFF_AFTER].p99_ns, 9 * MS);
	diff__free(d);
}

Test(diff, call_sites_are_told_apart_by_cause)
{
	const struct diff_result *result;
	struct diff *d = example(&result);

	/* One function, three causes. */
	cr_assert_eq(result->n_sites, 3);
	cr_expect_eq(result->sites[0].cause, LS_CAUSE_FILE);
	cr_expect_eq(result->sites[0].change, DIFF_NEW);
	cr_expect_eq(result->sites[1].cause, LS_CAUSE_SLEEP);
	cr_expect_eq(result->sites[2].cause, LS_CAUSE_CPU);
	cr_expect_str_eq(result->sites[1].syscall, "clock_nanosleep");
	/* 60 and 70 ms: the 99th of two is the longest. */
	cr_expect_eq(result->sites[1].side[DIFF_AFTER].p99_ns, 70 * MS);
	diff__free(d);
}

Test(diff, what_has_no_room_is_counted)
{
	const struct diff_result *result;
	struct diff *d;
	char name[32];

	cr_assert_eq(diff__new(&d), 0);
	for (unsigned int i = 0; i < DIFF_MAX_PLACES + 5; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		feed(d, DIFF_AFTER, name, 1, 20, LS_CAUSE_CPU);
	}
	finish(d, DIFF_BEFORE, SECOND, "f1", 1);
	finish(d, DIFF_AFTER, SECOND, "f1", 1);
	cr_assert_eq(diff__result(d, &result), 0);
	cr_expect_eq(result->n_coroutines, DIFF_MAX_PLACES);
	cr_expect_eq(result->left_out, 5);
	cr_expect_eq(result->side[DIFF_AFTER].stalls, DIFF_MAX_PLACES + 5);
	diff__free(d);
}

Test(diff, two_empty_runs)
{
	const struct diff_result *result;
	struct diff *d;

	cr_assert_eq(diff__new(&d), 0);
	finish(d, DIFF_BEFORE, 0, "f", 0);
	finish(d, DIFF_AFTER, 0, "f", 0);
	cr_assert_eq(diff__result(d, &result), 0);
	cr_expect_eq(result->n_coroutines, 0);
	for (size_t i = 0; i < n_diff_formats; i++) {
		FILE *out = fopen("/dev/null", "w");

		cr_expect_eq(diff_formats[i].write(out, result, &opts), 0);
		fclose(out);
	}
	diff__free(d);
}

Test(diff, written_in_every_format)
{
	static const struct {
		const char *format, *path;
	} files[] = {
		{ "text", "tests/golden/diff.txt" },
		{ "json", "tests/golden/diff.json" },
		{ "markdown", "tests/golden/diff.md" },
	};
	const struct diff_result *result;
	struct diff *d = example(&result);

	cr_assert_eq(N_OF(files), n_diff_formats);
	for (size_t i = 0; i < n_diff_formats; i++) {
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		cr_assert_eq(diff_format__by_name(files[i].format)->write(out, result, &opts), 0);
		fclose(out);
		golden_compare(files[i].path, text, size);
		free(text);
	}
	cr_expect_null(diff_format__by_name("pprof"));
	diff__free(d);
}
