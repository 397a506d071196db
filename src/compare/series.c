/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See series.h.
 */
#include "compare/series.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/table.h"
#include "base/time.h"

#define FIRST_SLICE_NS (50 * NS_PER_MS)

struct series {
	char *key; /* "name\nfile\nline" */
	char *name, *file;
	int32_t line;
	uint32_t shown_at;
	struct slice slices[RUN_MAX_SLICES];
	/* What has come since the last cut. */
	uint64_t steps, own_ns;
	uint32_t hist[LS_HIST_BUCKETS];
	/*
	 * Sums over the rows that were added since the last cut, and those of the cut before: rows
	 * are absolute.
	 */
	uint64_t row_steps, row_own_ns, cut_steps, cut_own_ns;
	uint32_t row_hist[LS_HIST_BUCKETS], cut_hist[LS_HIST_BUCKETS];
	bool has_rows;
	UT_hash_handle hh;
};

struct run *run__new(void)
{
	return calloc(1, sizeof(struct run));
}

static void slice_done(struct slice *slice)
{
	free(slice->parts);
	*slice = (struct slice){};
}

static void series_free(struct series *s)
{
	for (size_t i = 0; i < RUN_MAX_SLICES; i++)
		slice_done(&s->slices[i]);
	free(s->key);
	free(s->name);
	free(s->file);
	free(s);
}

void run__free(struct run *run)
{
	if (!run)
		return;
	table__free(run->coroutines, series_free);
	table__free(run->sites, series_free);
	free(run);
}

static struct series *series_get(struct series **table, size_t *n, const char *name,
				 const char *file, int32_t line)
{
	_cleanup_free_ char *key = NULL;
	struct series *s;

	if (asprintf(&key, "%s\n%s\n%d", name, file, line) < 0) {
		key = NULL;
		return NULL;
	}
	HASH_FIND_STR(*table, key, s);
	if (s || *n >= RUN_MAX_SERIES)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->name = strdup(name);
	s->file = strdup(file);
	s->line = line;
	s->key = TAKE_PTR(key);
	if (!s->name || !s->file || table__add_bytes(*table, s, strlen(s->key)) < 0) {
		series_free(s);
		return NULL;
	}
	(*n)++;
	return s;
}

struct series *run__coroutine(struct run *run, const char *name, const char *file)
{
	return series_get(&run->coroutines, &run->n_coroutines, name, file, SERIES_NO_LINE);
}

struct series *run__site(struct run *run, const char *function, const char *file, int32_t line)
{
	return series_get(&run->sites, &run->n_sites, function, file, line);
}

struct series *run__find(struct series *table, const struct series *like)
{
	struct series *s;

	HASH_FIND_STR(table, like->key, s);
	return s;
}

const char *series__name(const struct series *s)
{
	return s->name;
}

const char *series__file(const struct series *s)
{
	return s->file;
}

int32_t series__line(const struct series *s)
{
	return s->line;
}

struct series *series__next(const struct series *s)
{
	return s->hh.next;
}

void series__show_at(struct series *s, uint32_t line)
{
	s->shown_at = line;
}

uint32_t series__shown_at(const struct series *s)
{
	return s->shown_at;
}

const struct slice *series__slice(const struct series *s, size_t i)
{
	return &s->slices[i];
}

static void hist_add(uint32_t *hist, const uint32_t *other)
{
	for (size_t i = 0; i < LS_HIST_BUCKETS; i++)
		hist[i] += other[i];
}

void series__add(struct series *s, uint64_t steps, uint64_t own_ns, const uint32_t *hist)
{
	s->steps += steps;
	s->own_ns += own_ns;
	hist_add(s->hist, hist);
}

void series__add_one(struct series *s, uint64_t own_ns)
{
	s->steps++;
	s->own_ns += own_ns;
	s->hist[ls_hist_index(own_ns)]++;
}

static uint64_t since(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

uint64_t row_own_ns(const struct coroutine_row *row)
{
	/* The parts of a torn reading need not fit each other. */
	return since(row->total_ns, row->host_ns);
}

uint64_t stall_own_ns(const struct stall *stall)
{
	uint64_t own_ns = 0;

	for (enum ls_cause cause = 0; cause < LS_CAUSE_MAX; cause++)
		own_ns += ls_cause_host(cause) == LS_HOST_OWN ? 0 : stall->cause_ns[cause];
	return own_ns;
}

void series__add_row(struct series *s, const struct coroutine_row *row)
{
	s->has_rows = true;
	s->row_steps += row->steps;
	s->row_own_ns += row_own_ns(row);
	hist_add(s->row_hist, row->own_hist);
}

/* What has no room is left out. */
int run__add_row(struct run *run, const struct coroutine_row *row, const char *file)
{
	struct series *s = run__coroutine(run, row->coroutine.name, file);

	if (!s)
		return run->n_coroutines < RUN_MAX_SERIES ? -ENOMEM : 0;
	series__show_at(s, row->coroutine.first_line);
	series__add_row(s, row);
	return 0;
}

/* Turns absolute sums into differences to the last cut. */
static void settle_rows(struct series *s)
{
	if (!s->has_rows)
		return;
	s->steps += since(s->row_steps, s->cut_steps);
	s->own_ns += since(s->row_own_ns, s->cut_own_ns);
	for (size_t i = 0; i < LS_HIST_BUCKETS; i++)
		s->hist[i] += (uint32_t)since(s->row_hist[i], s->cut_hist[i]);
	s->cut_steps = s->row_steps;
	s->cut_own_ns = s->row_own_ns;
	memcpy(s->cut_hist, s->row_hist, sizeof(s->cut_hist));
	s->row_steps = s->row_own_ns = 0;
	memset(s->row_hist, 0, sizeof(s->row_hist));
	s->has_rows = false;
}

int series__set_slice(struct series *s, size_t i, uint64_t steps, uint64_t own_ns,
		      const struct hist_part *parts, size_t n_parts)
{
	struct slice *slice = &s->slices[i];

	slice_done(slice);
	if (n_parts) {
		slice->parts = reallocarray(NULL, n_parts, sizeof(*parts));
		if (!slice->parts)
			return -ENOMEM;
		memcpy(slice->parts, parts, n_parts * sizeof(*parts));
	}
	slice->n_parts = n_parts;
	slice->steps = steps;
	slice->own_ns = own_ns;
	return 0;
}

static int set_slice_from_hist(struct series *s, size_t i, uint64_t steps, uint64_t own_ns,
			       const uint32_t *hist)
{
	struct hist_part parts[LS_HIST_BUCKETS];
	size_t n = 0;
	uint32_t b;

	for (b = 0; b < LS_HIST_BUCKETS; b++)
		if (hist[b])
			parts[n++] = (struct hist_part){ b, hist[b] };
	return series__set_slice(s, i, steps, own_ns, parts, n);
}

static int series_cut(struct series *s, size_t at)
{
	int r;

	settle_rows(s);
	r = set_slice_from_hist(s, at, s->steps, s->own_ns, s->hist);
	s->steps = s->own_ns = 0;
	memset(s->hist, 0, sizeof(s->hist));
	return r;
}

static void hist_add_slice(uint32_t *hist, const struct slice *slice)
{
	for (size_t i = 0; i < slice->n_parts; i++)
		hist[slice->parts[i].bucket] += slice->parts[i].count;
}

static int series_halve(struct series *s)
{
	uint32_t hist[LS_HIST_BUCKETS];
	size_t i;
	int r;

	for (i = 0; i < RUN_MAX_SLICES / 2; i++) {
		const struct slice *a = &s->slices[2 * i], *b = a + 1;

		memset(hist, 0, sizeof(hist));
		hist_add_slice(hist, a);
		hist_add_slice(hist, b);
		r = set_slice_from_hist(s, i, a->steps + b->steps, a->own_ns + b->own_ns, hist);
		if (r < 0)
			return r;
	}
	for (; i < RUN_MAX_SLICES; i++)
		slice_done(&s->slices[i]);
	return 0;
}

static int each_series(struct run *run, int (*what)(struct series *s, size_t at))
{
	struct series *tables[] = { run->coroutines, run->sites };
	struct series *s;
	int r;

	for (size_t i = 0; i < N_OF(tables); i++) {
		for (s = tables[i]; s; s = s->hh.next) {
			r = what(s, run->n_slices);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int halve(struct series *s, size_t at)
{
	(void)at;
	return series_halve(s);
}

int run__cut(struct run *run)
{
	int r = each_series(run, series_cut);

	if (r < 0)
		return r;
	if (++run->n_slices < RUN_MAX_SLICES)
		return 0;
	r = each_series(run, halve);
	if (r < 0)
		return r;
	run->n_slices = RUN_MAX_SLICES / 2;
	return 1;
}

bool run__is_slice_over(const struct run *run, uint64_t now_ns)
{
	return now_ns >= run->next_cut_ns;
}

int run__end_slice(struct run *run, uint64_t now_ns)
{
	int r = run__cut(run);

	if (r < 0)
		return r;
	if (!run->slice_ns)
		run->slice_ns = FIRST_SLICE_NS;
	if (r > 0)
		run->slice_ns *= 2;
	run->next_cut_ns = now_ns + run->slice_ns;
	return 0;
}
