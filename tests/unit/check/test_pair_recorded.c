/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two runs compared: real runs of one service (tests/live/programs/varied.py), as baseline files
 * hold them. A try takes two of them and draws their slices anew, with repetition; a slower service
 * is a run in which the histogram of one coroutine is moved.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "base/array.h"
#include "check/baseline.h"
#include "compare/pair.h"
#include "model/hist.h"
#include "../deadline.h"

#define TRIES 1000

static const char *const paths[] = { "tests/data/varied-1.json", "tests/data/varied-2.json" };

struct samples {
	struct baseline files[N_OF(paths)];
	size_t n;
	const struct run *runs[N_OF(paths) * BASELINE_MAX_RUNS];
};

static void samples__read(struct samples *s)
{
	struct err err = {};

	*s = (struct samples){};
	for (size_t i = 0; i < N_OF(paths); i++) {
		cr_assert_eq(baseline__read(&s->files[i], paths[i], &err), 0, "%s", err.what);
		for (size_t k = 0; k < s->files[i].n; k++)
			s->runs[s->n++] = s->files[i].runs[k];
	}
	cr_assert_geq(s->n, 12);
}

static void samples__done(struct samples *s)
{
	for (size_t i = 0; i < N_OF(paths); i++)
		baseline__done(&s->files[i]);
}

/* The middle of a bucket, so that a histogram can be moved by a factor. */
static uint32_t moved_bucket(uint32_t bucket, double factor)
{
	const double middle =
		((double)ls_hist_floor_ns(bucket) + (double)ls_hist_floor_ns(bucket + 1)) / 2;

	return ls_hist_index((uint64_t)(middle * factor));
}

static void draw_slice(const struct slice *from, double factor, struct series *to, size_t at)
{
	struct hist_part parts[LS_HIST_BUCKETS];
	size_t n = 0;

	for (size_t i = 0; i < from->n_parts; i++) {
		const uint32_t bucket = factor == 1 ? from->parts[i].bucket :
						      moved_bucket(from->parts[i].bucket, factor);

		if (n && parts[n - 1].bucket == bucket)
			parts[n - 1].count += from->parts[i].count;
		else
			parts[n++] = (struct hist_part){ bucket, from->parts[i].count };
	}
	cr_assert_eq(series__set_slice(to, at, from->steps,
				       (uint64_t)((double)from->own_ns * factor), parts, n),
		     0);
}

/* A run with the slices of `from`, drawn with repetition; the same ones for all of its series. */
static struct run *draw_run(const struct run *from, unsigned short state[3], const char *slower,
			    double factor)
{
	struct run *run = run__new();
	const struct series *s;

	cr_assert_not_null(run);
	run->n_slices = from->n_slices;
	run->threshold_ns = from->threshold_ns;
	run->duration_ns = from->duration_ns;
	run->steps = from->steps;
	run->own_ns = from->own_ns;
	for (size_t i = 0; i < run->n_slices; i++) {
		const size_t drawn = (size_t)(erand48(state) * (double)from->n_slices);

		for (s = from->coroutines; s; s = series__next(s))
			draw_slice(series__slice(s, drawn),
				   slower && !strcmp(series__name(s), slower) ? factor : 1,
				   run__coroutine(run, series__name(s), series__file(s)), i);
		for (s = from->sites; s; s = series__next(s))
			draw_slice(series__slice(s, drawn), 1,
				   run__site(run, series__name(s), series__file(s),
					     series__line(s)),
				   i);
	}
	return run;
}

/* What two runs that were drawn say: of any row, and of that of `slower`. */
struct said {
	bool is_any, is_found;
};

static struct said try_once(const struct samples *samples, unsigned short state[3],
			    const char *slower, double factor)
{
	const size_t a = (size_t)(erand48(state) * (double)samples->n);
	const size_t b = (a + 1 + (size_t)(erand48(state) * (double)(samples->n - 1))) % samples->n;
	struct run *before = draw_run(samples->runs[a], state, NULL, 1);
	struct run *after = draw_run(samples->runs[b], state, slower, factor);
	struct pair_list culprits = {}, sites = {};
	struct said said = {};

	cr_assert_eq(pair_list__add(&culprits, before, after, PAIR_STEPS, NULL, NULL), 0);
	cr_assert_eq(pair_list__judge(&culprits), 0);
	cr_assert_eq(pair_list__add(&sites, before, after, PAIR_STALLS, NULL, NULL), 0);
	cr_assert_eq(pair_list__judge(&sites), 0);
	for (size_t i = 0; i < culprits.n; i++) {
		const struct pair_row *row = &culprits.rows[i];

		said.is_any = said.is_any || row->is_changed;
		said.is_found = said.is_found ||
			(slower && row->is_changed && row->decisive->is_worse &&
			 !strcmp(series__name(pair_row__series(row)), slower));
	}
	for (size_t i = 0; i < sites.n; i++)
		said.is_any = said.is_any || sites.rows[i].is_changed;
	pair_list__done(&culprits);
	pair_list__done(&sites);
	run__free(before);
	run__free(after);
	return said;
}

static void try_all(const struct samples *samples, const char *slower, double factor,
		    size_t *ret_any, size_t *ret_found)
{
	unsigned short state[3] = { 7, 1, 2 };

	*ret_any = *ret_found = 0;
	for (size_t i = 0; i < TRIES; i++) {
		const struct said said = try_once(samples, state, slower, factor);

		*ret_any += said.is_any;
		*ret_found += said.is_found;
	}
	if (getenv("COMPARE_SHOW"))
		fprintf(stderr, "%s x%g: found %zu, any change %zu of %d\n", slower ?: "unchanged",
			factor, *ret_found, *ret_any, TRIES);
}

TEST_WITHIN(300, pair_recorded, unchanged_services_are_the_same)
{
	struct samples samples;
	size_t any, found;

	samples__read(&samples);
	try_all(&samples, NULL, 1, &any, &found);
	cr_expect_leq(any, TRIES * 5 / 100);
	samples__done(&samples);
}

TEST_WITHIN(300, pair_recorded, slower_coroutines_are_found)
{
	static const char *const slower[] = { "parse", "pack", "query" };
	struct samples samples;
	size_t any, found;

	samples__read(&samples);
	for (size_t i = 0; i < N_OF(slower); i++) {
		try_all(&samples, slower[i], 1.5, &any, &found);
		cr_expect_geq(found, TRIES * 95 / 100, "%s: %zu", slower[i], found);
	}
	samples__done(&samples);
}
