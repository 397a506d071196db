/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two runs compared: what is new, gone, worse and better; callbacks and coroutines; runs of
 * different length; lines that moved; what the host did.
 */
#include <math.h>

#include "base/array.h"
#include "report/diff.h"

#include "report/golden_file.h"
#include "report/stalls.h"

#define SECOND (1000 * MS)
#define THRESHOLD (10 * MS)
#define SLICES 10

static const struct report_opts opts = { .mode = "exact" };

/* A part of the program in one run: its stalls, the same in each second. */
struct part {
	const char *name;
	enum ls_unit unit;
	uint32_t line;
	unsigned int stalls; /* in a second */
	uint64_t ms, host_ms; /* of each: in all, and of it without a CPU */
	enum ls_cause cause;
	unsigned int steps; /* in a second, each of 200 us, besides the stalls */
};

static void feed(struct diff *d, enum diff_side side, const struct part *p)
{
	struct stall s;

	stall_init(&s);
	s.unit = p->unit;
	s.coroutine = (struct code_info){ p->name, "/srv/app/web.py", p->line };
	s.call = (struct model_frame){ "fetch_row", "/srv/app/db.py", p->line + 20 };
	if (p->unit == LS_UNIT_CALLBACK)
		s.call.function = "refresh_cache";
	s.cause = p->cause;
	s.duration_ns = p->ms * MS;
	memset(s.cause_ns, 0, sizeof(s.cause_ns));
	s.cause_ns[p->cause] = (p->ms - p->host_ms) * MS;
	s.cause_ns[LS_CAUSE_RUNQUEUE] += p->host_ms * MS;
	cr_assert_eq(diff__stall(d, side, &s), 0);
}

static void fill_row(struct coroutine_row *row, const struct part *p, unsigned int seconds)
{
	const uint64_t stall_ns = (p->ms - p->host_ms) * MS;

	*row = (struct coroutine_row){ .coroutine = { p->name, "/srv/app/web.py", p->line },
				       .steps = (p->steps + p->stalls) * seconds,
				       .max_ns = p->ms * MS,
				       .p99_ns = p->ms * MS };
	row->total_ns = (p->steps * MS / 5 + p->stalls * stall_ns) * seconds;
	row->own_hist[ls_hist_index(MS / 5)] = p->steps * seconds;
	row->own_hist[ls_hist_index(stall_ns)] += p->stalls * seconds;
}

/* A run of so many seconds. */
static void run_side(struct diff *d, enum diff_side side, unsigned int seconds,
		     const struct part *parts, size_t n, const struct diff_facts *facts)
{
	struct coroutine_row rows[8];
	struct snapshot snap = { .rows = rows };
	struct diff_facts f = facts ? *facts : (struct diff_facts){ .steal_share = NAN };

	cr_assert_leq(n, N_OF(rows));
	diff__begin(d, side, THRESHOLD);
	for (unsigned int second = 1; second <= seconds; second++) {
		snap.n_rows = snap.steps = 0;
		for (size_t i = 0; i < n; i++) {
			for (unsigned int k = 0; k < parts[i].stalls; k++)
				feed(d, side, &parts[i]);
			if (parts[i].unit != LS_UNIT_STEP)
				continue;
			fill_row(&rows[snap.n_rows], &parts[i], second);
			snap.steps += rows[snap.n_rows++].steps;
		}
		cr_assert_eq(diff__slice(d, side, &snap, second * SECOND), 0);
	}
	f.duration_ns = seconds * SECOND;
	f.threshold_ns = THRESHOLD;
	cr_assert_eq(diff__finish(d, side, &snap, &f), 0);
}

static const struct diff_row *row_of(const struct diff_row *rows, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	cr_assert_fail("no row %s", name);
	return NULL;
}

static const struct diff_row *coroutine(const struct diff_result *result, const char *name)
{
	return row_of(result->coroutines, result->n_coroutines, name);
}

static const struct part older[] = {
	{ "gone", LS_UNIT_STEP, 10, 3, 30, 0, LS_CAUSE_SLEEP, 20 },
	{ "worse", LS_UNIT_STEP, 20, 3, 20, 0, LS_CAUSE_SLEEP, 20 },
	{ "better", LS_UNIT_STEP, 30, 3, 80, 0, LS_CAUSE_CPU, 20 },
	{ "same", LS_UNIT_STEP, 40, 3, 50, 0, LS_CAUSE_CPU, 20 },
	{ "refresh", LS_UNIT_CALLBACK, 60, 2, 20, 0, LS_CAUSE_SLEEP, 0 },
	{ "tidy", LS_UNIT_CALLBACK, 70, 2, 40, 0, LS_CAUSE_FILE, 0 },
};

static const struct part newer[] = {
	{ "gone", LS_UNIT_STEP, 15, 0, 1, 0, LS_CAUSE_SLEEP, 20 },
	{ "worse", LS_UNIT_STEP, 25, 3, 60, 20, LS_CAUSE_SLEEP, 20 },
	{ "better", LS_UNIT_STEP, 35, 3, 40, 0, LS_CAUSE_CPU, 20 },
	{ "same", LS_UNIT_STEP, 45, 3, 90, 40, LS_CAUSE_CPU, 20 },
	{ "new <b>`|\033[2J", LS_UNIT_STEP, 50, 1, 200, 0, LS_CAUSE_FILE, 0 },
	{ "refresh", LS_UNIT_CALLBACK, 65, 2, 40, 0, LS_CAUSE_SLEEP, 0 },
	{ "tidy", LS_UNIT_CALLBACK, 75, 2, 41, 0, LS_CAUSE_FILE, 0 },
};

/* The later run is twice as long. */
static struct diff *example(const struct diff_result **ret_result)
{
	struct diff *d;

	cr_assert_eq(diff__new(&d), 0);
	run_side(d, DIFF_BEFORE, SLICES, older, N_OF(older), NULL);
	run_side(d, DIFF_AFTER, 2 * SLICES, newer, N_OF(newer), NULL);
	cr_assert_eq(diff__result(d, ret_result), 0);
	return d;
}

Test(diff, bad_news_come_first_and_the_largest_of_them)
{
	static const struct {
		const char *name, *change;
		double own_ms_per_s; /* change of stalled own time */
	} expected[] = {
		{ "new <b>`|\033[2J", "new", 200 },
		{ "worse", "worse", 60 },
		{ "refresh", "worse", 40 },
		{ "better", "better", -120 },
		{ "gone", "gone", -90 },
		{ "tidy", "same", 2 },
		{ "same", "same", 0 },
	};
	const struct diff_result *result;
	struct diff *d = example(&result);

	cr_assert_eq(result->n_coroutines, N_OF(expected));
	for (size_t i = 0; i < N_OF(expected); i++) {
		const struct diff_row *row = &result->coroutines[i];

		cr_expect_str_eq(row->name, expected[i].name);
		cr_expect_str_eq(diff_change_word(row->change), expected[i].change, "%s",
				 row->name);
		cr_expect_float_eq(row->own_change_ns_per_s, expected[i].own_ms_per_s * MS, 1,
				   "%s: %f", row->name, row->own_change_ns_per_s);
	}
	cr_expect_eq(result->side[DIFF_BEFORE].stalls, 16 * SLICES);
	cr_expect_eq(result->side[DIFF_AFTER].stalls, 14 * 2 * SLICES);
	cr_expect_eq(result->side[DIFF_AFTER].max_ns, 200 * MS);
	cr_expect_eq(result->left_out, 0);
	diff__free(d);
}

Test(diff, what_the_host_did_is_no_change)
{
	const struct diff_result *result;
	struct diff *d = example(&result);
	const struct diff_row *row = coroutine(result, "same");

	/* By the clock it takes nearly twice as long. */
	cr_expect_float_eq(row->change_ns_per_s, 120.0 * MS, 1);
	cr_expect_eq(row->side[DIFF_AFTER].own_stalled_ns, 50 * MS * 3 * 2 * SLICES);
	cr_expect_float_eq(row->ratio, 1, 0.01);
	diff__free(d);
}

Test(diff, callbacks_are_compared_by_their_stalls)
{
	const struct diff_result *result;
	struct diff *d = example(&result);
	const struct diff_row *row = coroutine(result, "refresh");

	cr_expect_eq(row->unit, LS_UNIT_CALLBACK);
	cr_expect_eq(row->measure, DIFF_MEASURE_MEAN);
	cr_expect_float_eq(row->ratio, 2, 0.01);
	/* Theirs, as they have no steps. */
	cr_expect(row->side[DIFF_AFTER].has_p99);
	cr_expect_eq(row->side[DIFF_AFTER].p99_ns, 40 * MS);
	cr_expect_eq(row->side[DIFF_AFTER].steps, 0);
	diff__free(d);
}

Test(diff, the_verdict_counts_and_names_the_worst)
{
	const struct diff_result *result;
	struct diff *d = example(&result);
	const struct diff_verdict *v = &result->verdict;

	cr_expect_eq(v->change, DIFF_MIXED);
	cr_expect_eq(v->n_compared, 7);
	cr_expect_eq(v->n[DIFF_WORSE], 2);
	cr_expect_eq(v->n[DIFF_NEW], 1);
	cr_expect_eq(v->n[DIFF_GONE], 1);
	cr_expect_not_null(strstr(v->sentence, "2 more are worse"), "%s", v->sentence);
	diff__free(d);
}

/* A coroutine that is slower and never stalls. */
Test(diff, steps_below_the_threshold_are_compared)
{
	static const struct part before = { "quick", LS_UNIT_STEP, 10, 0, 1, 0, LS_CAUSE_CPU, 50 };
	const struct diff_result *result;
	struct coroutine_row row;
	struct snapshot snap = { .n_rows = 1, .rows = &row };
	struct diff_facts facts = { .duration_ns = SLICES * SECOND,
				    .threshold_ns = THRESHOLD,
				    .steal_share = NAN };
	struct diff *d;

	cr_assert_eq(diff__new(&d), 0);
	run_side(d, DIFF_BEFORE, SLICES, &before, 1, NULL);
	diff__begin(d, DIFF_AFTER, THRESHOLD);
	for (unsigned int second = 1; second <= SLICES; second++) {
		row = (struct coroutine_row){ .coroutine = { "quick", "/srv/app/web.py", 12 },
					      .steps = 50 * second,
					      .total_ns = 15 * MS * second };
		row.own_hist[ls_hist_index(3 * MS / 10)] = 50 * second;
		cr_assert_eq(diff__slice(d, DIFF_AFTER, &snap, second * SECOND), 0);
	}
	snap.steps = row.steps;
	cr_assert_eq(diff__finish(d, DIFF_AFTER, &snap, &facts), 0);
	cr_assert_eq(diff__result(d, &result), 0);
	cr_expect_str_eq(result->verdict.sentence,
			 "Worse: quick() app/web.py:12 takes 1.50 times as long (1.33 to 1.69)");
	cr_assert_eq(result->n_coroutines, 1);
	cr_expect_eq(result->coroutines[0].side[DIFF_AFTER].own_mean_ns, 300000);
	diff__free(d);
}

Test(diff, an_unchanged_program_is_the_same)
{
	const struct diff_result *result;
	struct diff *d;

	cr_assert_eq(diff__new(&d), 0);
	run_side(d, DIFF_BEFORE, SLICES, older, N_OF(older), NULL);
	run_side(d, DIFF_AFTER, SLICES, older, N_OF(older), NULL);
	cr_assert_eq(diff__result(d, &result), 0);
	cr_expect_str_eq(result->verdict.sentence,
			 "Same: no change beyond chance in the 6 coroutines and callbacks that ran "
			 "often enough to compare");
	for (size_t i = 0; i < result->n_sites; i++)
		cr_expect_eq(result->sites[i].change, DIFF_SAME);
	diff__free(d);
}

/* Light mode: a step is counted if it stalls. */
Test(diff, steps_that_were_not_counted_are_not_compared)
{
	const struct diff_facts light = { .is_light = true, .steal_share = 0.2 };
	const struct diff_result *result;
	struct diff *d;

	cr_assert_eq(diff__new(&d), 0);
	run_side(d, DIFF_BEFORE, SLICES, older, N_OF(older), NULL);
	run_side(d, DIFF_AFTER, SLICES, newer, N_OF(newer), &light);
	cr_assert_eq(diff__result(d, &result), 0);
	cr_expect_eq(coroutine(result, "worse")->change, DIFF_WORSE);
	cr_expect_float_eq(coroutine(result, "worse")->ratio, 2, 0.01);
	cr_expect_eq(coroutine(result, "gone")->change, DIFF_GONE);
	cr_expect_eq(coroutine(result, "worse")->side[DIFF_AFTER].own_mean_ns, 0);
	cr_expect_not_null(strstr(result->verdict.sentence, "light mode counts no steps"), "%s",
			   result->verdict.sentence);
	cr_expect_not_null(strstr(result->verdict.sentence, "the hypervisor took 20 %"), "%s",
			   result->verdict.sentence);
	diff__free(d);
}

Test(diff, lines_may_move_and_the_newer_one_is_told)
{
	const struct diff_result *result;
	struct diff *d = example(&result);

	cr_expect_eq(coroutine(result, "worse")->line, 25);
	cr_expect_eq(coroutine(result, "gone")->line, 10);
	diff__free(d);
}

/* The host may turn the cause of the same line into another one. */
Test(diff, a_call_site_is_one_row_whatever_its_causes)
{
	const struct diff_result *result;
	struct diff *d = example(&result);
	const struct diff_row *site;

	cr_assert_eq(result->n_sites, 2);
	site = row_of(result->sites, 2, "refresh_cache");
	/* 20 and 40 ms, then 40 and 41. */
	cr_expect_eq(site->change, DIFF_WORSE);
	cr_expect_float_eq(site->ratio, 1.35, 0.001);
	cr_expect_eq(site->cause, LS_CAUSE_FILE);
	cr_expect_str_eq(site->syscall, "clock_nanosleep");
	cr_expect_eq(site->side[DIFF_AFTER].p99_ns, 41 * MS);
	diff__free(d);
}

Test(diff, what_has_no_room_is_counted)
{
	const struct diff_result *result;
	struct diff *d;
	char name[32];

	cr_assert_eq(diff__new(&d), 0);
	run_side(d, DIFF_BEFORE, 1, NULL, 0, NULL);
	diff__begin(d, DIFF_AFTER, THRESHOLD);
	for (unsigned int i = 0; i < DIFF_MAX_PLACES + 5; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		feed(d, DIFF_AFTER,
		     &(struct part){ name, LS_UNIT_STEP, 1, 1, 20, 0, LS_CAUSE_CPU, 0 });
	}
	run_side(d, DIFF_AFTER, 1, NULL, 0, NULL);
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
	run_side(d, DIFF_BEFORE, 0, NULL, 0, NULL);
	run_side(d, DIFF_AFTER, 0, NULL, 0, NULL);
	cr_assert_eq(diff__result(d, &result), 0);
	cr_expect_eq(result->n_coroutines, 0);
	cr_expect_str_eq(result->verdict.sentence,
			 "Unclear: nothing ran often enough in both runs to compare");
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
