/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A run as a baseline keeps it: for each coroutine and for each call site the distribution of own
 * times, in slices of the run, so that what varies within a run is known as well as what varies
 * between runs.
 *
 * Things are known by what an edit elsewhere in their file does not change: a coroutine by name and
 * file, a call site by function, file and its line counted from the function's def. Files are
 * relative to the repository's root.
 */
#ifndef LOOPSTALL_COMPARE_SERIES_H
#define LOOPSTALL_COMPARE_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loopstall/hist.h>

#include "model/model.h"

#define RUN_MAX_SLICES 20
#define SERIES_NO_LINE -1
#define RUN_MAX_SERIES 8192 /* of one kind in one run */

struct hist_part {
	uint32_t bucket, count;
};

/* One stretch of a run. */
struct slice {
	uint64_t steps, own_ns;
	size_t n_parts;
	struct hist_part *parts; /* of the histogram, those that are not empty, by bucket */
};

struct series;

/* One run. The tables are uthash lists; series__first() and series__next() walk them. */
struct run {
	uint64_t steps, own_ns, duration_ns;
	uint64_t threshold_ns; /* of own time, from which call sites were counted */
	size_t n_slices; /* each series has this many */
	uint64_t slice_ns, next_cut_ns; /* see run__is_slice_over() */
	size_t n_coroutines, n_sites;
	struct series *coroutines, *sites;
};

struct run *run__new(void);
void run__free(struct run *run);
static inline void run__freep(struct run **run)
{
	run__free(*run);
}

/*
 * The series of that name, made if it is not there; NULL without memory or if there are too many.
 * `line` is SERIES_NO_LINE for coroutines and where it is not known.
 */
struct series *run__coroutine(struct run *run, const char *name, const char *file);
struct series *run__site(struct run *run, const char *function, const char *file, int32_t line);
struct series *run__find(struct series *table, const struct series *like);

const char *series__name(const struct series *s);
const char *series__file(const struct series *s);
int32_t series__line(const struct series *s);
struct series *series__next(const struct series *s);
/* The line at which it is shown; not stored in a baseline; 0: not known. */
void series__show_at(struct series *s, uint32_t line);
uint32_t series__shown_at(const struct series *s);
/* Slice number `i`, below RUN_MAX_SLICES. */
const struct slice *series__slice(const struct series *s, size_t i);

/* Adds to what has come since the last cut. `hist` has LS_HIST_BUCKETS. */
void series__add(struct series *s, uint64_t steps, uint64_t own_ns, const uint32_t *hist);
/* The same for one event. */
void series__add_one(struct series *s, uint64_t own_ns);
/* Their time without what is the host's doing alone: of all steps of a row, of one stall. */
uint64_t row_own_ns(const struct coroutine_row *row);
uint64_t stall_own_ns(const struct stall *stall);
/*
 * Adds a row of the table by coroutine, which is absolute: what it has more than when it was last
 * cut counts.
 */
void series__add_row(struct series *s, const struct coroutine_row *row);

/* The same with the series of the row's coroutine in `file`. 0, or -ENOMEM. */
int run__add_row(struct run *run, const struct coroutine_row *row, const char *file);

/*
 * Ends a slice: what was added to each series since the last cut is its next slice. When there are
 * RUN_MAX_SLICES, neighbours become one. Returns true then. -ENOMEM or 0/1.
 */
int run__cut(struct run *run);

/*
 * For a run that is measured: slices begin at 50 ms, so that a short run has enough of them, and
 * double when there are too many. The caller adds the rows at the end of a slice. 0 or -ENOMEM.
 */
bool run__is_slice_over(const struct run *run, uint64_t now_ns);
int run__end_slice(struct run *run, uint64_t now_ns);

/* Sets a slice as it was read from a file. 0 or -ENOMEM. */
int series__set_slice(struct series *s, size_t i, uint64_t steps, uint64_t own_ns,
		      const struct hist_part *parts, size_t n_parts);

#endif
