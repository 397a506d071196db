/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of readings and the rows by coroutine that are summed from it. Readings of the same
 * place (places.h) share a row, whatever their thread or process.
 */
#include "model/aggregate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "model/attribution.h"
#include "model/naming.h"
#include "model/hist.h"
#include "model/rate.h"

struct coroutine_reading {
	struct ls_coro_key key;
	struct place *place;
	bool is_resolved, is_rebased;
	struct ls_coro_stats stats, base;
	uint64_t tick_steps, tick_ns; /* at the last tick */
	double steps_per_s, busy;
	/* `busy` at tick number modulo MODEL_TREND; 0 before the first reading */
	float trend[MODEL_TREND];
	UT_hash_handle hh;
};

struct ended_thread {
	struct ended_key {
		uint32_t pid, tid;
	} key;
	UT_hash_handle hh;
};

static void aggregate__forget_ended(struct aggregate *a)
{
	table__free(a->ended, free);
}

void aggregate__done(struct aggregate *a)
{
	table__free(a->coroutines, free);
	aggregate__forget_ended(a);
	places__done(&a->places);
}

static const struct code_info unknown_code = { "(unknown)", NULL, 0 };

/* Retried at each reading until it succeeds: a page may be swapped out for a moment. */
static int reading_resolve(struct aggregate *a, struct coroutine_reading *c,
			   const struct resolver *resolver)
{
	struct code_info info = { NULL, NULL, 0 };
	int r;

	if (c->is_resolved && c->place)
		return 0;
	if (c->key.code == 0) {
		info = unknown_code;
		c->is_resolved = true;
	} else {
		c->is_resolved = !resolver->ops->code(resolver->ctx, c->key.tgid, c->key.code,
						      c->stats.qualname, &info) &&
			code_info_is_known(&info);
	}
	r = places__get(&a->places, AGGREGATE_MAX_READ_PLACES,
			c->is_resolved ? &info : &unknown_code, &c->place);
	if (!r && !c->place)
		a->is_coroutines_full = true;
	if (!r && c->place && !c->place->words)
		c->place->words = resolver__words(resolver, c->key.tgid);
	return r;
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
	/* A counter that went down belongs to a new thread with a reused tid. */
	if (stats->steps < c->base.steps) {
		memset(&c->base, 0, sizeof(c->base));
		c->is_rebased = false;
	}
	c->stats = *stats;
	return reading_resolve(a, c, resolver);
}

int aggregate__place(struct aggregate *a, const struct code_info *coroutine,
		     const struct runtime_words *words, struct place **ret_place)
{
	int r;

	*ret_place = NULL;
	if (!coroutine->name)
		return 0;
	r = places__get(&a->places, AGGREGATE_MAX_PLACES, coroutine, ret_place);
	if (!r && *ret_place && !(*ret_place)->words)
		(*ret_place)->words = words;
	return r;
}

int aggregate__thread_end(struct aggregate *a, uint32_t pid, uint32_t tid)
{
	const struct ended_key key = { pid, tid };
	struct ended_thread *t;
	int r;

	table__find(a->ended, &key, t);
	if (t || HASH_COUNT(a->ended) >= AGGREGATE_MAX_ENDED_THREADS)
		return 0;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->key = key;
	r = table__add(a->ended, t);
	if (r)
		free(t);
	return r;
}

static void coroutine_since_base(const struct coroutine_reading *c,
				 struct ls_coro_stats *ret_stats);

static void stats_add(struct ls_coro_stats *sum, const struct ls_coro_stats *stats)
{
	sum->steps += stats->steps;
	sum->total_ns += stats->total_ns;
	if (stats->max_ns > sum->max_ns)
		sum->max_ns = stats->max_ns;
	sum->stalls += stats->stalls;
	for (int i = 0; i < LS_CAUSE_MAX; i++)
		sum->cause_ns[i] += stats->cause_ns[i];
	sum->starved_ns += stats->starved_ns;
	sum->suffered_ns += stats->suffered_ns;
	sum->suffered += stats->suffered;
	hist__add(sum->hist, stats->hist);
	for (int i = 0; i < LS_HIST_BUCKETS; i++)
		sum->own_shift[i] += stats->own_shift[i];
}

/*
 * Adds what no reading holds (any more) to a place. Without room its steps count for "(other)": the
 * thread totals still hold them.
 */
static void place_add(struct aggregate *a, struct place *p, uint32_t pid,
		      const struct ls_coro_stats *stats)
{
	if (p && !p->ended && a->n_ended_places < AGGREGATE_MAX_COROUTINES) {
		p->ended = calloc(1, sizeof(*p->ended));
		p->ended_pid = pid;
		a->n_ended_places += p->ended != NULL;
	}
	if (!p || !p->ended) {
		a->is_coroutines_full = true;
		return;
	}
	if (p->ended_pid != pid)
		p->ended_pid = 0;
	stats_add(p->ended, stats);
}

static void place_take(struct aggregate *a, const struct coroutine_reading *c)
{
	struct ls_coro_stats since;

	coroutine_since_base(c, &since);
	place_add(a, c->place, c->key.tgid, &since);
}

void aggregate__add_step(struct aggregate *a, struct place *place, const struct stall *stall)
{
	struct ls_coro_stats stats = { .steps = 1,
				       .stalls = 1,
				       .total_ns = stall->duration_ns,
				       .max_ns = stall->duration_ns,
				       .starved_ns = stall->starved_ns };

	memcpy(stats.cause_ns, stall->cause_ns, sizeof(stats.cause_ns));
	stats.hist[ls_hist_index(stall->duration_ns)] = 1;
	place_add(a, place, stall->pid, &stats);
}

/*
 * Folds ended threads into their places: by the tick after the end their last readings have
 * arrived.
 */
static void aggregate__take_ended(struct aggregate *a)
{
	struct coroutine_reading *c, *next;
	struct ended_thread *t;

	if (!a->ended)
		return;
	HASH_ITER (hh, a->coroutines, c, next) {
		const struct ended_key key = { c->key.tgid, c->key.tid };

		table__find(a->ended, &key, t);
		if (!t)
			continue;
		place_take(a, c);
		HASH_DELETE(hh, a->coroutines, c);
		free(c);
	}
	aggregate__forget_ended(a);
}

static void coroutine_tick(struct coroutine_reading *c, uint64_t interval_ns, float *trend)
{
	if (interval_ns) {
		c->steps_per_s =
			rate_per_second(rate_since(c->stats.steps, c->tick_steps), interval_ns);
		c->busy = rate_share(rate_since(c->stats.total_ns, c->tick_ns), interval_ns);
		*trend = (float)c->busy;
	}
	c->tick_steps = c->stats.steps;
	c->tick_ns = c->stats.total_ns;
}

void aggregate__tick(struct aggregate *a, uint64_t interval_ns)
{
	const size_t slot = a->ticks % MODEL_TREND;
	struct coroutine_reading *c, *next;

	aggregate__take_ended(a);
	HASH_ITER (hh, a->coroutines, c, next)
		coroutine_tick(c, interval_ns, &c->trend[slot]);
	a->ticks += interval_ns > 0;
}

void aggregate__reset(struct aggregate *a)
{
	struct coroutine_reading *c, *next;

	HASH_ITER (hh, a->coroutines, c, next) {
		c->base = c->stats;
		c->is_rebased = true;
		memset(c->trend, 0, sizeof(c->trend));
	}
	a->ticks = 0;
	a->n_ended_places = 0;
	places__reset(a->places);
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
	return r ? r : places__compare(&a->coroutine, &b->coroutine);
}

/* The kernel accounts off-CPU time by cause; the remainder of the total is CPU time. */
static void row_add_split(struct coroutine_row *row, const struct ls_coro_stats *stats)
{
	uint64_t cpu_ns, blocked_ns, gil_ns, runqueue_ns, off_ns;

	attribution__split(stats->cause_ns, &cpu_ns, &blocked_ns, &gil_ns, &runqueue_ns);
	off_ns = blocked_ns + gil_ns + runqueue_ns;
	row->cpu_ns += stats->total_ns > off_ns ? stats->total_ns - off_ns : 0;
	row->blocked_ns += blocked_ns;
	row->gil_ns += gil_ns;
	row->runqueue_ns += runqueue_ns;
	row->host_ns += HOST_NS(stats->cause_ns);
}

static void row_add_trend(struct coroutine_row *row, const struct coroutine_reading *c,
			  uint64_t ticks)
{
	row->n_trend = ticks < MODEL_TREND ? (uint8_t)ticks : MODEL_TREND;
	for (size_t i = 0; i < row->n_trend; i++)
		row->trend[i] += c->trend[(ticks - row->n_trend + i) % MODEL_TREND];
}

/* A torn reading may have moved a step out of a bucket in which it is not counted yet. */
static void row_add_own_hist(struct coroutine_row *row, const struct ls_coro_stats *stats)
{
	uint32_t own[LS_HIST_BUCKETS];
	int64_t n;

	for (size_t i = 0; i < LS_HIST_BUCKETS; i++) {
		n = (int64_t)stats->hist[i] + stats->own_shift[i];
		own[i] = n > 0 ? (uint32_t)n : 0;
	}
	hist__add(row->own_hist, own);
}

static void row_add_stats(struct coroutine_row *row, uint32_t pid,
			  const struct ls_coro_stats *stats)
{
	if (row->pid != pid)
		row->pid = 0;
	row->steps += stats->steps;
	row->total_ns += stats->total_ns;
	if (stats->max_ns > row->max_ns)
		row->max_ns = stats->max_ns;
	row->stalls += stats->stalls;
	row->starved_ns += stats->starved_ns;
	row->suffered_ns += stats->suffered_ns;
	row->suffered += stats->suffered;
	row_add_split(row, stats);
	hist__add(row->hist, stats->hist);
	row_add_own_hist(row, stats);
}

static void row_add(const struct aggregate *a, struct coroutine_row *row,
		    const struct coroutine_reading *c, const struct ls_coro_stats *stats)
{
	row_add_stats(row, c->key.tgid, stats);
	row->steps_per_s += c->steps_per_s;
	row->busy += c->busy;
	row_add_trend(row, c, a->ticks);
}

/* Values that only the complete sum can give. */
static void row_finish(struct coroutine_row *row)
{
	static const unsigned int percents[] = { 50, 95, 99 };
	uint64_t ns[3];

	hist__percentiles_ns(row->hist, percents, 3, row->max_ns, ns);
	row->p50_ns = ns[0];
	row->p95_ns = ns[1];
	row->p99_ns = ns[2];
	/* Several threads may run the coroutine at the same time. */
	if (row->busy > 1)
		row->busy = 1;
	for (size_t i = 0; i < row->n_trend; i++)
		if (row->trend[i] > 1)
			row->trend[i] = 1;
}

/* Of coroutines without a row only the number of steps and their time are known. */
static void row_other(struct coroutine_row *row, uint64_t steps, uint64_t total_ns)
{
	memset(row, 0, sizeof(*row));
	row->coroutine.name = "(other)";
	row->steps = steps;
	row->total_ns = total_ns;
}

static void coroutine_since_base(const struct coroutine_reading *c, struct ls_coro_stats *ret_stats)
{
	const struct ls_coro_stats *s = &c->stats, *base = &c->base;

	ret_stats->steps = rate_since(s->steps, base->steps);
	ret_stats->total_ns = rate_since(s->total_ns, base->total_ns);
	ret_stats->stalls = rate_since(s->stalls, base->stalls);
	ret_stats->starved_ns = rate_since(s->starved_ns, base->starved_ns);
	ret_stats->suffered_ns = rate_since(s->suffered_ns, base->suffered_ns);
	ret_stats->suffered = rate_since(s->suffered, base->suffered);
	for (int i = 0; i < LS_CAUSE_MAX; i++)
		ret_stats->cause_ns[i] = rate_since(s->cause_ns[i], base->cause_ns[i]);
	hist__since(s->hist, base->hist, ret_stats->hist);
	for (int i = 0; i < LS_HIST_BUCKETS; i++)
		ret_stats->own_shift[i] = s->own_shift[i] - base->own_shift[i];
	ret_stats->max_ns = hist__max_since_ns(ret_stats->hist, s->max_ns, base->max_ns);
}

int aggregate__each_sum(const struct aggregate *a,
			int (*fn)(void *ctx, const struct coroutine_sum *sum), void *ctx)
{
	const struct coroutine_reading *c;
	const struct ended_thread *ended;
	struct ls_coro_stats since;
	int r = 0;

	for (c = a->coroutines; c && r >= 0; c = c->hh.next) {
		const struct ended_key key = { c->key.tgid, c->key.tid };
		struct coroutine_sum sum = { .pid = c->key.tgid,
					     .tid = c->key.tid,
					     .stats = &c->stats };

		if (!c->place)
			continue;
		table__find(a->ended, &key, ended);
		sum.is_last = ended != NULL;
		sum.coroutine = &c->place->info;
		if (c->is_rebased) {
			coroutine_since_base(c, &since);
			sum.stats = &since;
		}
		r = fn(ctx, &sum);
	}
	return r < 0 ? r : 0;
}

static struct coroutine_row *row_of(const struct aggregate *a, struct place *place, uint32_t pid,
				    struct coroutine_row *rows, size_t *n_rows)
{
	struct coroutine_row *row;

	if (place->generation == a->generation)
		return &rows[place->row];
	place->generation = a->generation;
	place->row = (*n_rows)++;
	row = &rows[place->row];
	memset(row, 0, sizeof(*row));
	row->coroutine = place->info;
	row->words = place->words;
	row->entered_stalls = place->entered_stalls;
	row->entered_starved_ns = place->entered_starved_ns;
	row->pid = pid;
	row->causes = place->causes;
	if (place->worst_ns) {
		row->where = place->worst;
		row->where_cause = place->worst_cause;
		row->where_sign = place->worst_sign;
		row->where_context = place->worst_context;
	}
	return row;
}

/* Makes one row per place, unsorted. Returns the number of rows or -ENOMEM. */
static ssize_t sum_rows(struct aggregate *a, struct coroutine_row **rows)
{
	struct coroutine_reading *c, *next;
	struct ls_coro_stats since;
	size_t n_rows = 0;
	struct coroutine_row *row;
	struct place *place;

	/* One more for "(other)". */
	row = reallocarray(*rows, HASH_COUNT(a->coroutines) + a->n_ended_places + 1, sizeof(*row));
	if (!row)
		return -ENOMEM;
	*rows = row;
	a->generation++;
	HASH_ITER (hh, a->coroutines, c, next) {
		/* No place: memory was short at its last reading, which retries. */
		if (!c->place)
			continue;
		if (!c->is_rebased) {
			row_add(a, row_of(a, c->place, c->key.tgid, *rows, &n_rows), c, &c->stats);
			continue;
		}
		coroutine_since_base(c, &since);
		if (since.steps || since.stalls || since.suffered)
			row_add(a, row_of(a, c->place, c->key.tgid, *rows, &n_rows), c, &since);
	}
	for (place = a->n_ended_places ? a->places : NULL; place; place = place->hh.next)
		if (place->ended)
			row_add_stats(row_of(a, place, place->ended_pid, *rows, &n_rows),
				      place->ended_pid, place->ended);
	return (ssize_t)n_rows;
}

int aggregate__sum(struct aggregate *a, bool has_other, struct coroutine_row **rows,
		   struct snapshot *ret_snapshot)
{
	struct snapshot *s = ret_snapshot;
	uint64_t steps = 0, total_ns = 0, stalls = 0, unknown = 0;
	ssize_t n_rows;

	n_rows = sum_rows(a, rows);
	if (n_rows < 0)
		return (int)n_rows;
	s->n_rows = (size_t)n_rows;
	for (size_t i = 0; i < s->n_rows; i++) {
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
		row_other(*rows + s->n_rows++, s->steps - steps, rate_since(s->step_ns, total_ns));
		unknown += s->steps - steps;
	}
	/* Threads are read a moment before coroutines, so their totals may lag behind. */
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
