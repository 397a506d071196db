/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The statistics on simulated programs, with a fixed seed: how often an unchanged one is called
 * worse, how often a worse one is found.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"
#include "check/baseline.h"
#include "check/runs.h"
#include "compare/simulate.h"
#include "../deadline.h"

#define PROGRAMS 2000

/* The share of programs that are called worse. */
static double share_found(unsigned long seed, size_t n_programs, size_t n_runs, double factor,
			  double max_regression)
{
	struct random rng = { { (unsigned short)seed, 1, 2 } };
	size_t i, k, n_found = 0;

	for (i = 0; i < n_programs; i++) {
		struct baseline b = {};
		struct comparisons cs;
		struct run *run;
		bool is_worse = false;

		for (k = 0; k < n_runs; k++)
			baseline__add(&b, simulate_run(&rng, 1));
		run = simulate_run(&rng, factor);
		cr_assert_eq(compare__run(&b, run, max_regression, &cs), 0);
		cr_assert_eq(cs.n, 2 * COROUTINES);
		for (k = 0; k < cs.n; k++)
			is_worse = is_worse || cs.list[k].is_worse;
		n_found += is_worse;
		comparisons__done(&cs);
		run__free(run);
		baseline__done(&b);
	}
	return (double)n_found / (double)n_programs;
}

#define expect_share(low, high, ...)                                                               \
	do {                                                                                       \
		double share = share_found(__VA_ARGS__);                                           \
		if (getenv("COMPARE_SHOW"))                                                        \
			fprintf(stderr, "%s: %.4f\n", #__VA_ARGS__, share);                        \
		cr_expect(share >= (low) && share <= (high), "%s: %.4f", #__VA_ARGS__, share);     \
	} while (0)

TEST_WITHIN(300, compare, unchanged_programs_are_not_called_worse)
{
	/* Even if no regression at all is granted, below the 5 % that were promised. */
	expect_share(0, COMPARE_ALPHA, 1, PROGRAMS, 3, 1, 0);
	expect_share(0, 0.002, 2, PROGRAMS, 3, 1, 0.1);
	expect_share(0, 0.002, 3, PROGRAMS, 1, 1, 0.1);
}

TEST_WITHIN(300, compare, worse_programs_are_found)
{
	expect_share(0.95, 1, 4, 300, 3, 1.5, 0.1);
	expect_share(0.99, 1, 5, 300, 10, 1.5, 0.1);
	expect_share(0.15, 1, 6, 300, 10, 1.2, 0.1);
	expect_share(0.90, 1, 7, 300, 10, 1.2, 0);
}

/* A run with one call site's stalls. */
static struct run *site_run(uint64_t steps, int stalls, uint64_t threshold_ns)
{
	struct run *run = run__new();

	cr_assert_not_null(run);
	run->steps = steps;
	run->threshold_ns = threshold_ns;
	run->own_ns = 1000 * MS;
	while (stalls-- > 0)
		series__add_one(run__site(run, "fetch_row", "app/db.py", 3), 20 * MS);
	cr_assert_geq(run__cut(run), 0);
	return run;
}

static bool is_new_site(int n_before, int stalls, uint64_t threshold_ns)
{
	struct run *run = site_run(1000, stalls, 10 * MS);
	struct baseline b = {};
	struct comparisons cs;
	bool is_worse;

	while (n_before-- > 0)
		baseline__add(&b, site_run(1000, 0, threshold_ns));
	cr_assert_eq(compare__run(&b, run, 0.1, &cs), 0);
	is_worse = cs.n && cs.list[0].what == COMPARE_NEW_SITE && cs.list[0].is_worse;
	cr_expect_eq(cs.has_sites, threshold_ns <= 10 * MS);
	comparisons__done(&cs);
	baseline__done(&b);
	run__free(run);
	return is_worse;
}

Test(compare, a_new_call_site_must_be_seen_often_enough)
{
	cr_expect_not(is_new_site(1, 1, 10 * MS));
	cr_expect_not(is_new_site(1, 4, 10 * MS));
	cr_expect(is_new_site(1, 5, 10 * MS));
	cr_expect_not(is_new_site(10, 1, 10 * MS));
	cr_expect(is_new_site(10, 2, 10 * MS));
	/* Whoever counted only longer stalls cannot know that it is new. */
	cr_expect_not(is_new_site(10, 50, 20 * MS));
}

Test(compare, too_few_steps_are_not_compared)
{
	struct baseline b = {};
	struct comparisons cs;
	struct run *run;
	int k, slice;

	for (k = 0; k < 2; k++) {
		run = run__new();
		for (slice = 0; slice < 5; slice++) {
			series__add_one(run__coroutine(run, "handler", "app/web.py"), MS);
			cr_assert_geq(run__cut(run), 0);
		}
		run->own_ns = 5 * MS;
		if (!k)
			baseline__add(&b, run);
	}
	cr_assert_eq(compare__run(&b, run, 0.1, &cs), 0);
	cr_expect_eq(cs.n, 0);
	cr_expect_eq(cs.n_untested, 1);
	comparisons__done(&cs);
	baseline__done(&b);
	run__free(run);
}

Test(series, slices_become_longer)
{
	struct run *run = run__new();
	struct series *s = run__coroutine(run, "handler", "app/web.py");
	uint64_t steps = 0;
	int cut = 0;
	size_t i;

	while (!run__cut(run))
		series__add_one(s, ++cut * MS);
	cr_expect_eq(run->n_slices, RUN_MAX_SLICES / 2);
	for (i = 0; i < run->n_slices; i++)
		steps += series__slice(s, i)->steps;
	cr_expect_eq(steps, RUN_MAX_SLICES - 1);
	cr_expect_eq(series__slice(s, 1)->steps, 2);
	cr_expect_eq(series__slice(s, 1)->own_ns, 5 * MS);
	cr_expect_eq(series__slice(s, RUN_MAX_SLICES / 2)->steps, 0);
	run__free(run);
}

Test(series, rows_are_absolute)
{
	struct run *run = run__new();
	struct series *s = run__coroutine(run, "handler", "app/web.py");
	struct coroutine_row row = { .steps = 10, .total_ns = 12 * MS, .host_ns = 2 * MS };

	row.own_hist[ls_hist_index(MS)] = 10;
	series__add_row(s, &row);
	cr_assert_eq(run__cut(run), 0);
	row.steps = 13;
	row.total_ns = 15 * MS;
	row.own_hist[ls_hist_index(MS)] = 13;
	series__add_row(s, &row);
	cr_assert_eq(run__cut(run), 0);
	cr_expect_eq(series__slice(s, 0)->own_ns, 10 * MS);
	cr_expect_eq(series__slice(s, 1)->steps, 3);
	cr_expect_eq(series__slice(s, 1)->own_ns, 3 * MS);
	cr_expect_eq(series__slice(s, 1)->n_parts, 1);
	cr_expect_eq(series__slice(s, 1)->parts[0].count, 3);
	run__free(run);
}

/* Baseline files */

static char path[] = "/tmp/loopstall-baseline-XXXXXX";

static void write_text(const char *text)
{
	FILE *out = fopen(path, "w");

	cr_assert_not_null(out);
	fputs(text, out);
	fclose(out);
}

static void make_path(void)
{
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	close(fd);
}

static void drop_path(void)
{
	unlink(path);
}

Test(baseline, what_is_written_is_read, .init = make_path, .fini = drop_path)
{
	struct random rng = { { 1, 2, 3 } };
	struct baseline out = {}, in = {};
	const struct series *a, *b;
	struct err err = {};
	size_t i;

	for (i = 0; i < BASELINE_MAX_RUNS + 3; i++)
		baseline__add(&out, simulate_run(&rng, 1));
	cr_expect_eq(out.n, BASELINE_MAX_RUNS);
	series__add_one(run__site(out.runs[0], "a\"\xff\n", "b", SERIES_NO_LINE), MS);
	cr_assert_eq(baseline__write(&out, path, &err), 0, "%s", err.what);
	cr_assert_eq(baseline__read(&in, path, &err), 0, "%s", err.what);
	cr_assert_eq(in.n, out.n);
	a = out.runs[2]->coroutines;
	b = in.runs[2]->coroutines;
	cr_expect_str_eq(series__name(a), series__name(b));
	for (i = 0; i < out.runs[2]->n_slices; i++) {
		cr_expect_eq(series__slice(a, i)->own_ns, series__slice(b, i)->own_ns);
		cr_expect_eq(series__slice(a, i)->n_parts, series__slice(b, i)->n_parts);
	}
	cr_expect_eq(series__line(in.runs[0]->sites), SERIES_NO_LINE);
	baseline__done(&in);
	baseline__done(&out);
}

Test(baseline, nothing_in_it_is_believed, .init = make_path, .fini = drop_path)
{
#define HEAD "{\"schema\":\"loopstall/1\",\"type\":\"baseline\",\"version\":1,\"runs\":["
#define RUN "{\"duration_ns\":1,\"steps\":1,\"own_ns\":1,\"threshold_ns\":1,\"slices\":"
	static const char *const bad[] = {
		"",
		"[]",
		"{\"type\":\"verdict\",\"version\":1}",
		HEAD "1]}",
		HEAD RUN "99,\"coroutines\":[],\"sites\":[]}]}",
		HEAD RUN "-1,\"coroutines\":[],\"sites\":[]}]}",
		HEAD RUN "0,\"coroutines\":[]}]}",
		HEAD RUN
		"1,\"coroutines\":[{\"name\":\"a\",\"file\":\"b\",\"slices\":[]}],\"sites\":[]}]}",
		HEAD RUN
		"1,\"coroutines\":[{\"name\":\"a\",\"file\":\"b\",\"slices\":[[1,1,[9999,1]]]}],"
		"\"sites\":[]}]}",
		HEAD RUN
		"1,\"coroutines\":[{\"name\":\"a\",\"file\":\"b\",\"slices\":[[1,1,[5,1,5,1]]]}],"
		"\"sites\":[]}]}",
		HEAD RUN "1,\"coroutines\":[],\"sites\":[{\"function\":\"a\",\"file\":\"b\","
			 "\"line_in_function\":\"x\",\"slices\":[[1,1,[5,1]]]}]}]}",
	};
	struct baseline b = {};
	struct err err = {};
	size_t i;

	for (i = 0; i < N_OF(bad); i++) {
		write_text(bad[i]);
		cr_expect_lt(baseline__read(&b, path, &err), 0, "%s", bad[i]);
		cr_expect_eq(b.n, 0);
	}
	write_text("{\"type\":\"baseline\",\"version\":2,\"runs\":[]}");
	cr_expect_eq(baseline__read(&b, path, &err), -EPROTO);
	write_text(HEAD RUN "0,\"coroutines\":[],\"sites\":[]}]}");
	cr_expect_eq(baseline__read(&b, path, &err), 0, "%s", err.what);
	baseline__done(&b);
	unlink(path);
	cr_expect_eq(baseline__read(&b, path, &err), -ENOENT);
}
