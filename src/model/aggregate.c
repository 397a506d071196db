/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables of readings, and the rows of the table by coroutine made from them. Two readings belong to
 * one row if they are of the same place: file, first line and name, whatever the thread or process.
 */
#include "model/aggregate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/attribution.h"
#include "model/hist.h"
#include "model/table.h"

struct coroutine_reading {
	struct ls_coro_key key;
	struct code_info info;
	bool is_resolved;
	struct ls_coro_stats stats;
	UT_hash_handle hh;
};

struct thread_key {
	uint32_t pid, tid;
};

struct thread_reading {
	struct thread_key key;
	struct ls_thread_stats stats;
	UT_hash_handle hh;
};

void aggregate__done(struct aggregate *a)
{
	struct coroutine_reading *c, *next_c;
	struct thread_reading *t, *next_t;

	HASH_ITER(hh, a->coroutines, c, next_c) {
		HASH_DELETE(hh, a->coroutines, c);
		free(c);
	}
	HASH_ITER(hh, a->threads, t, next_t) {
		HASH_DELETE(hh, a->threads, t);
		free(t);
	}
}

/* Asked again at each reading until it succeeds: a page may be out for a moment. */
static void reading_resolve(struct coroutine_reading *c, const struct resolver *resolver)
{
	struct code_info info = { NULL, NULL, 0 };

	if (c->is_resolved)
		return;
	if (c->key.code == 0) {
		c->info.name = "(unknown)";
		c->is_resolved = true;
		return;
	}
	c->is_resolved = !resolver->ops->code(resolver->ctx, c->key.tgid, c->key.code,
					      c->stats.qualname, &info) &&
			 info.name && info.file;
	c->info = c->is_resolved ? info : (struct code_info){ "?", "?", 0 };
}

int aggregate__coroutine(struct aggregate *a, const struct resolver *resolver,
			 const struct ls_coro_key *key, const struct ls_coro_stats *stats)
{
	struct coroutine_reading *c;
	int r;

	table__find(a->coroutines, key, c);
	if (!c) {
		if (HASH_COUNT(a->coroutines) >= AGGREGATE_MAX_COROUTINES) {
			a->is_coroutines_full = true;
			return 0;
		}
		c = calloc(1, sizeof(*c));
		if (!c)
			return -ENOMEM;
		c->key = *key;
		r = table__add(a->coroutines, c);
		if (r) {
			free(c);
			return r;
		}
	}
	c->stats = *stats;
	reading_resolve(c, resolver);
	return 0;
}

int aggregate__thread(struct aggregate *a, uint32_t pid, uint32_t tid,
		      const struct ls_thread_stats *stats)
{
	const struct thread_key key = { pid, tid };
	struct thread_reading *t;
	int r;

	table__find(a->threads, &key, t);
	if (!t) {
		if (HASH_COUNT(a->threads) >= AGGREGATE_MAX_THREADS) {
			a->refused_threads++;
			return 0;
		}
		t = calloc(1, sizeof(*t));
		if (!t)
			return -ENOMEM;
		t->key = key;
		r = table__add(a->threads, t);
		if (r) {
			free(t);
			return r;
		}
	}
	t->stats = *stats;
	return 0;
}

static int text_compare(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int place_compare(const struct code_info *a, const struct code_info *b)
{
	int r = text_compare(a->file, b->file);

	if (!r)
		r = (a->first_line > b->first_line) - (a->first_line < b->first_line);
	return r ? r : text_compare(a->name, b->name);
}

static int reading_compare(const void *va, const void *vb)
{
	const struct coroutine_reading *a = *(struct coroutine_reading *const *)va;
	const struct coroutine_reading *b = *(struct coroutine_reading *const *)vb;

	return place_compare(&a->info, &b->info);
}

static int down(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

static int row_compare(const void *va, const void *vb)
{
	const struct coroutine_row *a = va, *b = vb;
	int r = down(a->starved_ns, b->starved_ns);

	if (!r)
		r = down(a->max_ns, b->max_ns);
	if (!r)
		r = down(a->total_ns, b->total_ns);
	return r ? r : place_compare(&a->coroutine, &b->coroutine);
}

/* The kernel books off-CPU time by cause; on the CPU is what is left of the total. */
static void row_add_split(struct coroutine_row *row, const struct ls_coro_stats *stats)
{
	uint64_t cpu_ns, blocked_ns, gil_ns, runqueue_ns, off_ns;

	attribution__split(stats->cause_ns, &cpu_ns, &blocked_ns, &gil_ns, &runqueue_ns);
	off_ns = blocked_ns + gil_ns + runqueue_ns;
	row->cpu_ns += stats->total_ns > off_ns ? stats->total_ns - off_ns : 0;
	row->blocked_ns += blocked_ns;
	row->gil_ns += gil_ns;
	row->runqueue_ns += runqueue_ns;
}

static void row_add(struct coroutine_row *row, const struct coroutine_reading *c)
{
	const struct ls_coro_stats *stats = &c->stats;

	if (row->pid != c->key.tgid)
		row->pid = 0;
	row->steps += stats->steps;
	row->total_ns += stats->total_ns;
	if (stats->max_ns > row->max_ns)
		row->max_ns = stats->max_ns;
	row->stalls += stats->stalls;
	row->starved_ns += stats->starved_ns;
	row_add_split(row, stats);
	hist__add(row->hist, stats->hist);
}

static uint64_t left_of(uint64_t all, uint64_t part)
{
	return all > part ? all - part : 0;
}

/* Steps and time are known of what has no row, nothing else. */
static void row_other(struct coroutine_row *row, uint64_t steps, uint64_t total_ns)
{
	memset(row, 0, sizeof(*row));
	row->coroutine.name = "(other)";
	row->steps = steps;
	row->total_ns = total_ns;
}

static void sum_threads(const struct aggregate *a, struct snapshot *s)
{
	struct thread_reading *t, *next;

	HASH_ITER(hh, a->threads, t, next) {
		s->steps += t->stats.steps;
		s->step_ns += t->stats.step_ns;
		s->callbacks_ns += t->stats.callbacks_ns;
		s->idle_ns += t->stats.idle_ns;
		s->turns += t->stats.turns;
		s->stalls += t->stats.stalls;
	}
}

static bool is_new_place(struct coroutine_reading *const *sorted, size_t i)
{
	return i == 0 || place_compare(&sorted[i - 1]->info, &sorted[i]->info);
}

/* Makes the rows of all readings, unsorted. Returns their number or -ENOMEM. */
static ssize_t sum_rows(const struct aggregate *a, struct coroutine_row **rows)
{
	_cleanup_free_ struct coroutine_reading **sorted = NULL;
	struct coroutine_reading *c, *next;
	size_t n = 0, n_rows = 0, i;
	struct coroutine_row *row;

	sorted = calloc(HASH_COUNT(a->coroutines) + 1, sizeof(c));
	if (!sorted)
		return -ENOMEM;
	HASH_ITER(hh, a->coroutines, c, next)
		sorted[n++] = c;
	qsort(sorted, n, sizeof(c), reading_compare);
	for (i = 0; i < n; i++)
		n_rows += is_new_place(sorted, i);
	/* One more, for what has no row. */
	row = reallocarray(*rows, n_rows + 1, sizeof(*row));
	if (!row)
		return -ENOMEM;
	*rows = row;
	for (i = 0; i < n; i++) {
		if (is_new_place(sorted, i)) {
			row += i > 0;
			memset(row, 0, sizeof(*row));
			row->coroutine = sorted[i]->info;
			row->pid = sorted[i]->key.tgid;
		}
		row_add(row, sorted[i]);
	}
	return (ssize_t)n_rows;
}

int aggregate__sum(const struct aggregate *a, bool has_other, struct coroutine_row **rows,
		   struct snapshot *ret_snapshot)
{
	struct snapshot *s = ret_snapshot;
	uint64_t steps = 0, total_ns = 0, stalls = 0, unknown = 0;
	ssize_t n_rows;
	size_t i;

	sum_threads(a, s);
	n_rows = sum_rows(a, rows);
	if (n_rows < 0)
		return (int)n_rows;
	s->n_rows = (size_t)n_rows;
	for (i = 0; i < s->n_rows; i++) {
		struct coroutine_row *row = *rows + i;

		row->p50_ns = hist__percentile_ns(row->hist, 50, row->max_ns);
		row->p99_ns = hist__percentile_ns(row->hist, 99, row->max_ns);
		steps += row->steps;
		total_ns += row->total_ns;
		stalls += row->stalls;
		s->starved_ns += row->starved_ns;
		if (!row->coroutine.file)
			unknown += row->steps;
	}
	if (has_other && s->steps > steps) {
		row_other(*rows + s->n_rows++, s->steps - steps, left_of(s->step_ns, total_ns));
		unknown += s->steps - steps;
	}
	/* The readings of threads are taken a moment before those of coroutines. */
	if (s->steps < steps)
		s->steps = steps;
	if (s->step_ns < total_ns)
		s->step_ns = total_ns;
	if (s->stalls < stalls)
		s->stalls = stalls;
	s->unattributed_steps = unknown;
	qsort(*rows, s->n_rows, sizeof(**rows), row_compare);
	s->rows = *rows;
	return 0;
}
