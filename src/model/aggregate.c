/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables of readings, and the rows of the table by coroutine made from them. Two readings belong to
 * one row if they are of the same place (places.h), whatever the thread or process.
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
	struct place *place;
	bool is_resolved, is_rebased;
	struct ls_coro_stats stats, base;
	uint64_t tick_steps, tick_ns; /* at the last tick */
	double steps_per_s, busy;
	UT_hash_handle hh;
};

struct thread_key {
	uint32_t pid, tid;
};

struct thread_reading {
	struct thread_key key;
	struct ls_thread_stats stats, base;
	uint64_t tick_steps, tick_ns; /* at the last tick */
	double steps_per_s, busy;
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
	places__done(&a->places);
	free(a->loops);
}

static const struct code_info unreadable = { "?", "?", 0 };

/* Asked again at each reading until it succeeds: a page may be out for a moment. */
static int reading_resolve(struct aggregate *a, struct coroutine_reading *c,
			   const struct resolver *resolver)
{
	struct code_info info = { NULL, NULL, 0 };

	if (c->is_resolved)
		return 0;
	if (c->key.code == 0) {
		info.name = "(unknown)";
		c->is_resolved = true;
	} else {
		c->is_resolved = !resolver->ops->code(resolver->ctx, c->key.tgid, c->key.code,
						      c->stats.qualname, &info) &&
				 info.name && info.file;
	}
	return places__get(&a->places, SIZE_MAX, c->is_resolved ? &info : &unreadable, &c->place);
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
	/* A reading that falls is of a new thread that was given an old one's number. */
	if (stats->steps < c->base.steps) {
		memset(&c->base, 0, sizeof(c->base));
		c->is_rebased = false;
	}
	c->stats = *stats;
	return reading_resolve(a, c, resolver);
}

int aggregate__place(struct aggregate *a, const struct code_info *info, struct place **ret_place)
{
	*ret_place = NULL;
	if (!info->name)
		return 0;
	return places__get(&a->places, AGGREGATE_MAX_PLACES, info, ret_place);
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
	if (stats->steps < t->base.steps)
		memset(&t->base, 0, sizeof(t->base));
	t->stats = *stats;
	return 0;
}

static uint64_t left_of(uint64_t all, uint64_t part)
{
	return all > part ? all - part : 0;
}

static double share(uint64_t part_ns, uint64_t whole_ns)
{
	return part_ns < whole_ns ? (double)part_ns / (double)whole_ns : 1;
}

static double per_second(uint64_t count, uint64_t interval_ns)
{
	return (double)count * 1e9 / (double)interval_ns;
}

static void coroutine_tick(struct coroutine_reading *c, uint64_t interval_ns)
{
	if (interval_ns) {
		c->steps_per_s = per_second(left_of(c->stats.steps, c->tick_steps), interval_ns);
		c->busy = share(left_of(c->stats.total_ns, c->tick_ns), interval_ns);
	}
	c->tick_steps = c->stats.steps;
	c->tick_ns = c->stats.total_ns;
}

/* How long the thread has been in the span that is open on it. */
static uint64_t open_ns(const struct thread_key *key, uint64_t now_ns, const struct live_row *live,
			size_t n_live)
{
	size_t i;

	for (i = 0; i < n_live; i++)
		if (live[i].pid == key->pid && live[i].tid == key->tid)
			return left_of(now_ns, live[i].start_ns);
	return 0;
}

/* A span is in the reading only when it has ended: until then it is added to each. */
static void thread_tick(struct thread_reading *t, uint64_t open_span_ns, uint64_t interval_ns)
{
	const uint64_t busy_ns = t->stats.step_ns + t->stats.callbacks_ns + open_span_ns;

	if (interval_ns) {
		t->steps_per_s = per_second(left_of(t->stats.steps, t->tick_steps), interval_ns);
		t->busy = share(left_of(busy_ns, t->tick_ns), interval_ns);
	}
	t->tick_steps = t->stats.steps;
	t->tick_ns = busy_ns;
}

double aggregate__tick(struct aggregate *a, uint64_t now_ns, uint64_t interval_ns,
		       const struct live_row *live, size_t n_live, double *ret_steps_per_s)
{
	struct coroutine_reading *c, *next_c;
	struct thread_reading *t, *next_t;
	double busiest = 0;

	*ret_steps_per_s = 0;
	HASH_ITER(hh, a->coroutines, c, next_c)
		coroutine_tick(c, interval_ns);
	HASH_ITER(hh, a->threads, t, next_t) {
		thread_tick(t, open_ns(&t->key, now_ns, live, n_live), interval_ns);
		*ret_steps_per_s += t->steps_per_s;
		if (t->busy > busiest)
			busiest = t->busy;
	}
	return busiest;
}

void aggregate__reset(struct aggregate *a)
{
	struct coroutine_reading *c, *next_c;
	struct thread_reading *t, *next_t;

	HASH_ITER(hh, a->coroutines, c, next_c) {
		c->base = c->stats;
		c->is_rebased = true;
	}
	HASH_ITER(hh, a->threads, t, next_t)
		t->base = t->stats;
	a->refused_threads = 0;
	places__reset(a->places);
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

static void row_add(struct coroutine_row *row, const struct coroutine_reading *c,
		    const struct ls_coro_stats *stats)
{
	if (row->pid != c->key.tgid)
		row->pid = 0;
	row->steps += stats->steps;
	row->total_ns += stats->total_ns;
	if (stats->max_ns > row->max_ns)
		row->max_ns = stats->max_ns;
	row->stalls += stats->stalls;
	row->starved_ns += stats->starved_ns;
	row->steps_per_s += c->steps_per_s;
	row->busy += c->busy;
	row_add_split(row, stats);
	hist__add(row->hist, stats->hist);
}

/* What can be told only of the whole sum. */
static void row_finish(struct coroutine_row *row)
{
	static const unsigned int percents[] = { 50, 95, 99 };
	uint64_t ns[3];

	hist__percentiles_ns(row->hist, percents, 3, row->max_ns, ns);
	row->p50_ns = ns[0];
	row->p95_ns = ns[1];
	row->p99_ns = ns[2];
	/* Several threads may be in it at a time. */
	if (row->busy > 1)
		row->busy = 1;
}

/* Steps and time are known of what has no row, nothing else. */
static void row_other(struct coroutine_row *row, uint64_t steps, uint64_t total_ns)
{
	memset(row, 0, sizeof(*row));
	row->coroutine.name = "(other)";
	row->steps = steps;
	row->total_ns = total_ns;
}

static void thread_since_base(const struct thread_reading *t, struct ls_thread_stats *ret_stats)
{
	const struct ls_thread_stats *s = &t->stats, *base = &t->base;

	*ret_stats = (struct ls_thread_stats){
		.steps = left_of(s->steps, base->steps),
		.step_ns = left_of(s->step_ns, base->step_ns),
		.callbacks_ns = left_of(s->callbacks_ns, base->callbacks_ns),
		.idle_ns = left_of(s->idle_ns, base->idle_ns),
		.turns = left_of(s->turns, base->turns),
		.stalls = left_of(s->stalls, base->stalls),
	};
}

/*
 * The longest since the base is known only if it is the longest of all; else its bucket is, and
 * the end of the bucket bounds it.
 */
static uint64_t max_since_base(const struct coroutine_reading *c, const uint32_t *hist)
{
	uint32_t i = LS_HIST_BUCKETS - 1;
	uint64_t end_ns;

	if (c->stats.max_ns > c->base.max_ns)
		return c->stats.max_ns;
	while (i > 0 && !hist[i])
		i--;
	if (i + 1 == LS_HIST_BUCKETS)
		return c->stats.max_ns;
	end_ns = hist[i] ? ls_hist_floor_ns(i + 1) - 1 : 0;
	return end_ns < c->stats.max_ns ? end_ns : c->stats.max_ns;
}

static void coroutine_since_base(const struct coroutine_reading *c,
				 struct ls_coro_stats *ret_stats)
{
	const struct ls_coro_stats *s = &c->stats, *base = &c->base;
	int i;

	ret_stats->steps = left_of(s->steps, base->steps);
	ret_stats->total_ns = left_of(s->total_ns, base->total_ns);
	ret_stats->stalls = left_of(s->stalls, base->stalls);
	ret_stats->starved_ns = left_of(s->starved_ns, base->starved_ns);
	for (i = 0; i < LS_CAUSE_MAX; i++)
		ret_stats->cause_ns[i] = left_of(s->cause_ns[i], base->cause_ns[i]);
	for (i = 0; i < LS_HIST_BUCKETS; i++)
		ret_stats->hist[i] = s->hist[i] > base->hist[i] ? s->hist[i] - base->hist[i] : 0;
	ret_stats->max_ns = max_since_base(c, ret_stats->hist);
}

static int loop_compare(const void *va, const void *vb)
{
	const struct loop_row *a = va, *b = vb;

	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	return (a->tid > b->tid) - (a->tid < b->tid);
}

static int sum_threads(struct aggregate *a, struct snapshot *s)
{
	struct thread_reading *t, *next;
	struct ls_thread_stats stats;
	struct loop_row *loops;

	loops = reallocarray(a->loops, HASH_COUNT(a->threads) + 1, sizeof(*loops));
	if (!loops)
		return -ENOMEM;
	a->loops = loops;
	a->n_loops = 0;
	HASH_ITER(hh, a->threads, t, next) {
		thread_since_base(t, &stats);
		s->steps += stats.steps;
		s->step_ns += stats.step_ns;
		s->callbacks_ns += stats.callbacks_ns;
		s->idle_ns += stats.idle_ns;
		s->turns += stats.turns;
		s->stalls += stats.stalls;
		loops[a->n_loops++] = (struct loop_row){
			.pid = t->key.pid,
			.tid = t->key.tid,
			.steps = stats.steps,
			.step_ns = stats.step_ns,
			.callbacks_ns = stats.callbacks_ns,
			.idle_ns = stats.idle_ns,
			.turns = stats.turns,
			.stalls = stats.stalls,
			.steps_per_s = t->steps_per_s,
			.busy = t->busy,
		};
	}
	qsort(loops, a->n_loops, sizeof(*loops), loop_compare);
	s->n_loops = a->n_loops;
	s->loops = loops;
	return 0;
}

static struct coroutine_row *row_of(const struct aggregate *a, const struct coroutine_reading *c,
				    struct coroutine_row *rows, size_t *n_rows)
{
	struct place *place = c->place;
	struct coroutine_row *row;

	if (place->generation == a->generation)
		return &rows[place->row];
	place->generation = a->generation;
	place->row = (*n_rows)++;
	row = &rows[place->row];
	memset(row, 0, sizeof(*row));
	row->coroutine = place->info;
	row->pid = c->key.tgid;
	if (place->worst_ns) {
		row->where = place->worst;
		row->where_cause = place->worst_cause;
	}
	return row;
}

/* Makes the rows of all readings, unsorted. Returns their number or -ENOMEM. */
static ssize_t sum_rows(struct aggregate *a, struct coroutine_row **rows)
{
	struct coroutine_reading *c, *next;
	struct ls_coro_stats since;
	size_t n_rows = 0;
	struct coroutine_row *row;

	/* One more, for what has no row. */
	row = reallocarray(*rows, HASH_COUNT(a->coroutines) + 1, sizeof(*row));
	if (!row)
		return -ENOMEM;
	*rows = row;
	a->generation++;
	HASH_ITER(hh, a->coroutines, c, next) {
		/* Without memory for its place it has none until the next reading. */
		if (!c->place)
			continue;
		if (!c->is_rebased) {
			row_add(row_of(a, c, *rows, &n_rows), c, &c->stats);
			continue;
		}
		coroutine_since_base(c, &since);
		if (since.steps || since.stalls)
			row_add(row_of(a, c, *rows, &n_rows), c, &since);
	}
	return (ssize_t)n_rows;
}

int aggregate__sum(struct aggregate *a, bool has_other, struct coroutine_row **rows,
		   struct snapshot *ret_snapshot)
{
	struct snapshot *s = ret_snapshot;
	uint64_t steps = 0, total_ns = 0, stalls = 0, unknown = 0;
	ssize_t n_rows;
	size_t i;
	int r;

	r = sum_threads(a, s);
	if (r)
		return r;
	n_rows = sum_rows(a, rows);
	if (n_rows < 0)
		return (int)n_rows;
	s->n_rows = (size_t)n_rows;
	for (i = 0; i < s->n_rows; i++) {
		struct coroutine_row *row = *rows + i;

		row_finish(row);
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
