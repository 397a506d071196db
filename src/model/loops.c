/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of loop threads. A reading and the description of a loop arrive in either order; the
 * first of them makes the row.
 */
#include "model/loops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "base/utf8.h"
#include "model/attribution.h"
#include "model/hist.h"
#include "model/rate.h"

#define PROCESS_BYTES 64

struct loop_key {
	uint32_t pid, tid;
};

/* Counters from which rates are computed. */
struct loop_mark {
	uint64_t steps, handles, busy_ns, gil_ns, runqueue_ns;
};

/* Spans that are in no reading of the kernel side. */
struct added {
	uint64_t steps, stalls, step_ns, callbacks_ns;
	uint64_t open_ns; /* of those that have not ended */
	uint64_t light_step_ns; /* on the CPU, of steps that the samples took for callbacks */
	uint64_t outside_ns; /* no loop ran: the thread is not watched then */
	uint64_t cause_ns[LS_CAUSE_MAX];
};

struct loop_reading {
	struct loop_key key;
	struct ls_thread_stats stats;
	/* What does not count: from before the last reset, and spans in which no loop ran. */
	struct ls_thread_stats base;
	struct loop_mark mark; /* at the last tick */
	double steps_per_s, handles_per_s, busy, gil, runqueue;
	/* Lives as long as the reading: rows point to it. */
	char process[PROCESS_BYTES];
	struct added added; /* since the base */
	struct model_loop_info info;
	uint32_t executor_full_ticks;
	enum { READING_OPEN, READING_ENDING, READING_FINAL } life;
	UT_hash_handle hh;
};

void loops__done(struct loops *l)
{
	table__free(l->readings, free);
	free(l->rows);
	memset(l, 0, sizeof(*l));
}

static void reading_since_base(const struct loop_reading *t, struct ls_thread_stats *ret_stats);

/* Removes a final reading and adds its numbers to the total of ended threads. */
static void loops_take(struct loops *l, struct loop_reading *t)
{
	struct ls_thread_stats *sum = &l->ended, since;

	reading_since_base(t, &since);
	sum->steps += since.steps;
	sum->step_ns += since.step_ns;
	sum->callbacks_ns += since.callbacks_ns;
	sum->callbacks_starved_ns += since.callbacks_starved_ns;
	sum->idle_ns += since.idle_ns;
	sum->at_ns += since.at_ns - since.since_ns;
	sum->turns += since.turns;
	sum->stalls += since.stalls;
	for (int i = 0; i < LS_CAUSE_MAX; i++)
		sum->cause_ns[i] += since.cause_ns[i];
	hist__add(sum->turn_hist, since.turn_hist);
	sum->waits_ns += since.waits_ns;
	hist__add(sum->wait_hist, since.wait_hist);
	if (since.worst_turn_ns > sum->worst_turn_ns)
		sum->worst_turn_ns = since.worst_turn_ns;
	if (since.worst_turn_own_ns > sum->worst_turn_own_ns)
		sum->worst_turn_own_ns = since.worst_turn_own_ns;
	HASH_DELETE(hh, l->readings, t);
	free(t);
	l->n_ended--;
}

/* NULL in *ret_reading if there is no room. */
static int loops_get(struct loops *l, uint32_t pid, uint32_t tid, struct loop_reading **ret_reading)
{
	const struct loop_key key = { pid, tid };
	struct loop_reading *t;
	int r;

	table__find(l->readings, &key, t);
	/* A new thread reuses the tid of one that has ended. */
	if (t && t->life == READING_FINAL) {
		loops_take(l, t);
		t = NULL;
	}
	*ret_reading = t;
	if (t)
		return 0;
	if (HASH_COUNT(l->readings) >= LOOPS_MAX_THREADS) {
		l->refused++;
		return 0;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->key = key;
	r = table__add(l->readings, t);
	if (r) {
		free(t);
		return r;
	}
	*ret_reading = t;
	return 0;
}

int loops__thread(struct loops *l, uint32_t pid, uint32_t tid, const struct ls_thread_stats *stats)
{
	struct loop_reading *t;
	int r = loops_get(l, pid, tid, &t);

	if (r || !t)
		return r;
	/* A counter that went down belongs to a new thread with a reused tid. */
	if (stats->steps < t->base.steps)
		memset(&t->base, 0, sizeof(t->base));
	t->stats = *stats;
	return 0;
}

/* That of the thread, also if it has ended. NULL in *ret_reading if there is no room. */
static int reading_of(struct loops *l, const struct ls_rec_stall *rec,
		      struct loop_reading **ret_reading)
{
	const struct loop_key key = { rec->hdr.tgid, rec->hdr.tid };

	table__find(l->readings, &key, *ret_reading);
	return *ret_reading ? 0 : loops_get(l, rec->hdr.tgid, rec->hdr.tid, ret_reading);
}

/* Of a span, what the kernel side counted while it went on. */
static uint64_t counted_cpu_ns(const struct ls_rec_stall *rec)
{
	return rec->flags & LS_STALL_LIGHT ? rec->cause_ns[LS_CAUSE_CPU] : 0;
}

/* The kernel side takes a step that began before it came for a callback. */
static void move_light_cpu(struct loop_reading *t, const struct ls_rec_stall *rec)
{
	if (rec->unit == LS_UNIT_STEP && rec->flags & LS_STALL_BEGAN_BEFORE)
		t->added.light_step_ns += counted_cpu_ns(rec);
}

int loops__add_span(struct loops *l, const struct ls_rec_stall *rec)
{
	const uint64_t more_ns = rec->duration_ns - counted_cpu_ns(rec);
	struct loop_reading *t;
	int r = reading_of(l, rec, &t);

	if (r || !t)
		return r;
	/* The kernel side counts a stall that ends with its thread, but not its time. */
	t->added.stalls += rec->end == LS_END_RUNNING;
	t->added.steps += rec->unit == LS_UNIT_STEP;
	*(rec->unit == LS_UNIT_STEP ? &t->added.step_ns : &t->added.callbacks_ns) += more_ns;
	t->added.open_ns += more_ns;
	move_light_cpu(t, rec);
	for (int i = 0; i < LS_CAUSE_MAX; i++)
		t->added.cause_ns[i] += i == LS_CAUSE_CPU ? 0 : rec->cause_ns[i];
	return 0;
}

int loops__turn_into_step(struct loops *l, const struct ls_rec_stall *rec)
{
	const uint64_t ended_ns = rec->duration_ns - counted_cpu_ns(rec);
	struct loop_reading *t;
	int r = reading_of(l, rec, &t);

	if (r || !t)
		return r;
	t->base.callbacks_ns += ended_ns;
	t->base.callbacks_starved_ns += rec->starved_ns;
	t->added.steps++;
	t->added.step_ns += ended_ns;
	move_light_cpu(t, rec);
	return 0;
}

int loops__remove_span(struct loops *l, const struct ls_rec_stall *rec)
{
	const uint64_t cpu_ns = counted_cpu_ns(rec), ended_ns = rec->duration_ns - cpu_ns;
	struct loop_reading *t;
	int r = reading_of(l, rec, &t);

	if (r || !t)
		return r;
	t->added.outside_ns += cpu_ns;
	t->base.light_cpu_ns += cpu_ns;
	t->base.light_callbacks_ns += cpu_ns;
	/* Of one that has not ended, nothing else is in a reading. */
	if (rec->end == LS_END_RUNNING)
		return 0;
	t->base.stalls++;
	if (rec->end != LS_END_RETURN)
		return 0;
	t->added.outside_ns += ended_ns;
	t->base.callbacks_ns += ended_ns;
	t->base.callbacks_starved_ns += rec->starved_ns;
	for (int i = 0; i < LS_CAUSE_MAX; i++)
		t->base.cause_ns[i] += rec->cause_ns[i];
	return 0;
}

int loops__info(struct loops *l, uint32_t pid, uint32_t tid, const struct model_loop_info *info)
{
	const struct loop_key key = { pid, tid };
	struct loop_reading *t;
	int r;

	/* Late: it is about a thread that has ended. A new one of the same tid is read first. */
	table__find(l->readings, &key, t);
	if (t && t->life == READING_FINAL)
		return 0;
	r = loops_get(l, pid, tid, &t);
	if (r || !t)
		return r;
	t->info = *info;
	t->info.process = t->process;
	utf8__sanitize(info->process ? info->process : "", t->process, sizeof(t->process));
	return 0;
}

void loops__forget(struct loops *l, uint32_t pid, uint32_t tid)
{
	struct loop_reading *t, *next;

	HASH_ITER (hh, l->readings, t, next) {
		if (t->key.pid != pid || (tid && t->key.tid != tid))
			continue;
		t->info = (struct model_loop_info){ .process = t->process,
						    .container_pid = t->info.container_pid };
		t->executor_full_ticks = 0;
	}
}

int loops__thread_end(struct loops *l, uint32_t pid, uint32_t tid)
{
	struct loop_reading *t;
	int r;

	loops__forget(l, pid, tid);
	/* The only reading of a short-lived thread arrives after its end. */
	r = loops_get(l, pid, tid, &t);
	if (!r && t)
		t->life = READING_ENDING;
	return r;
}

/* Readings that were ending at the last tick are final now; the oldest final ones are removed. */
static void loops_age(struct loops *l)
{
	struct loop_reading *t, *next;

	HASH_ITER (hh, l->readings, t, next)
		if (t->life == READING_ENDING) {
			t->life = READING_FINAL;
			l->n_ended++;
		}
	HASH_ITER (hh, l->readings, t, next) {
		if (l->n_ended <= LOOPS_MAX_ENDED)
			break;
		if (t->life == READING_FINAL)
			loops_take(l, t);
	}
}

/* Age of the span that is open on the thread; 0 if none is. */
static uint64_t open_ns(const struct loop_key *key, uint64_t now_ns, const struct stall *live,
			size_t n_live)
{
	for (size_t i = 0; i < n_live; i++)
		if (live[i].pid == key->pid && live[i].tid == key->tid)
			return rate_since(now_ns, live[i].start_ns);
	return 0;
}

static bool is_executor_full(const struct model_loop_info *info)
{
	return info->executor_max && info->executor_threads >= info->executor_max &&
		info->executor_queued;
}

/* The kernel adds a span to its counters when it ends; until then each tick adds the open time. */
static void reading_tick(struct loop_reading *t, uint64_t open_span_ns, uint64_t interval_ns)
{
	const struct ls_thread_stats *s = &t->stats;
	const struct loop_mark now = {
		.steps = s->steps,
		.handles = s->handles,
		.busy_ns = s->step_ns + s->callbacks_ns + s->light_cpu_ns + open_span_ns,
		.gil_ns = CLASS_NS(s->cause_ns, LS_CLASS_GIL),
		.runqueue_ns = CLASS_NS(s->cause_ns, LS_CLASS_RUNQUEUE),
	};
	const struct loop_mark *mark = &t->mark;

	if (interval_ns) {
		t->steps_per_s = rate_per_second(rate_since(now.steps, mark->steps), interval_ns);
		t->handles_per_s =
			rate_per_second(rate_since(now.handles, mark->handles), interval_ns);
		t->busy = rate_share(rate_since(now.busy_ns, mark->busy_ns), interval_ns);
		t->gil = rate_share(rate_since(now.gil_ns, mark->gil_ns), interval_ns);
		t->runqueue =
			rate_share(rate_since(now.runqueue_ns, mark->runqueue_ns), interval_ns);
	}
	t->mark = now;
	if (!is_executor_full(&t->info))
		t->executor_full_ticks = 0;
	else if (t->executor_full_ticks < UINT32_MAX)
		t->executor_full_ticks++;
}

void loops__tick(struct loops *l, uint64_t now_ns, uint64_t interval_ns, const struct stall *live,
		 size_t n_live, struct activity *ret_activity)
{
	struct loop_reading *t, *next;

	loops_age(l);
	*ret_activity = (struct activity){};
	HASH_ITER (hh, l->readings, t, next) {
		reading_tick(t, open_ns(&t->key, now_ns, live, n_live), interval_ns);
		ret_activity->steps_per_s += t->steps_per_s;
		ret_activity->handles_per_s += t->handles_per_s;
		if (t->busy > ret_activity->busy)
			ret_activity->busy = t->busy;
	}
}

int loops__pids(const struct loops *l, uint32_t **ret_pids, size_t *ret_n)
{
	uint32_t *pids = calloc(HASH_COUNT(l->readings) + 1, sizeof(*pids));
	struct loop_reading *t, *next;
	size_t n = 0;

	if (!pids)
		return -ENOMEM;
	HASH_ITER (hh, l->readings, t, next)
		pids[n++] = t->key.pid;
	*ret_pids = pids;
	*ret_n = n;
	return 0;
}

void loops__reset(struct loops *l)
{
	struct loop_reading *t, *next;

	HASH_ITER (hh, l->readings, t, next) {
		t->base = t->stats;
		t->added = (struct added){ 0 };
		t->executor_full_ticks = 0;
	}
	l->refused = 0;
	memset(&l->ended, 0, sizeof(l->ended));
}

/* Time on the CPU in light mode is exact; the samples say how steps and callbacks share it. */
static void add_light(struct ls_thread_stats *stats, const struct loop_reading *t)
{
	const struct ls_thread_stats *s = &t->stats, *base = &t->base;
	const uint64_t all_ns = rate_since(s->light_cpu_ns, base->light_cpu_ns);
	const uint64_t reported_ns =
		t->added.light_step_ns < all_ns ? t->added.light_step_ns : all_ns;
	const uint64_t cpu_ns = all_ns - reported_ns;
	const uint64_t step_ns = rate_since(s->light_step_ns, base->light_step_ns);
	const uint64_t callbacks_ns = rate_since(s->light_callbacks_ns, base->light_callbacks_ns);
	const uint64_t sampled_ns = step_ns + rate_since(callbacks_ns, reported_ns);
	const double share = sampled_ns ? (double)step_ns / (double)sampled_ns : 0;
	const uint64_t steps_cpu_ns = (uint64_t)((double)cpu_ns * share);

	stats->step_ns += reported_ns;
	/* Without a sample the rest cannot be divided, so it stays unaccounted for. */
	if (!sampled_ns)
		return;
	stats->step_ns += steps_cpu_ns;
	stats->callbacks_ns += cpu_ns - steps_cpu_ns;
}

static void reading_since_base(const struct loop_reading *t, struct ls_thread_stats *ret_stats)
{
	const struct ls_thread_stats *s = &t->stats, *base = &t->base;

	ret_stats->since_ns =
		(base->at_ns > s->since_ns ? base->at_ns : s->since_ns) + t->added.outside_ns;
	/* Of the spans that have not ended, only those reported as stalls count as watched. */
	ret_stats->at_ns = s->at_ns - rate_since(s->open_ns, t->added.open_ns);
	if (ret_stats->at_ns < ret_stats->since_ns)
		ret_stats->at_ns = ret_stats->since_ns;
	ret_stats->steps = rate_since(s->steps, base->steps) + t->added.steps;
	ret_stats->step_ns = rate_since(s->step_ns, base->step_ns) + t->added.step_ns;
	ret_stats->callbacks_ns =
		rate_since(s->callbacks_ns, base->callbacks_ns) + t->added.callbacks_ns;
	ret_stats->callbacks_starved_ns =
		rate_since(s->callbacks_starved_ns, base->callbacks_starved_ns);
	ret_stats->idle_ns = rate_since(s->idle_ns, base->idle_ns);
	add_light(ret_stats, t);
	ret_stats->turns = rate_since(s->turns, base->turns);
	ret_stats->stalls = rate_since(s->stalls, base->stalls) + t->added.stalls;
	ret_stats->handles = rate_since(s->handles, base->handles);
	for (int i = 0; i < LS_CAUSE_MAX; i++)
		ret_stats->cause_ns[i] =
			rate_since(s->cause_ns[i], base->cause_ns[i]) + t->added.cause_ns[i];
	hist__since(s->turn_hist, base->turn_hist, ret_stats->turn_hist);
	ret_stats->waits_ns = rate_since(s->waits_ns, base->waits_ns);
	hist__since(s->wait_hist, base->wait_hist, ret_stats->wait_hist);
	ret_stats->worst_turn_ns =
		hist__max_since_ns(ret_stats->turn_hist, s->worst_turn_ns, base->worst_turn_ns);
	/*
	 * The maximum is from before the base. Of the turns since then only an upper bound is
	 * known: the longest of them.
	 */
	ret_stats->worst_turn_own_ns = s->worst_turn_own_ns;
	if (s->worst_turn_own_ns <= base->worst_turn_own_ns &&
	    ret_stats->worst_turn_ns < s->worst_turn_own_ns)
		ret_stats->worst_turn_own_ns = ret_stats->worst_turn_ns;
}

int loops__each_sum(const struct loops *l, int (*fn)(void *ctx, const struct thread_sum *sum),
		    void *ctx)
{
	const struct loop_reading *t;
	struct ls_thread_stats stats;
	int r = 0;

	for (t = l->readings; t && r >= 0; t = t->hh.next) {
		const struct thread_sum sum = {
			.pid = t->key.pid,
			.tid = t->key.tid,
			.is_last = t->life == READING_ENDING,
			.stats = &stats,
			.info = &t->info,
		};

		if (t->life == READING_FINAL)
			continue;
		reading_since_base(t, &stats);
		r = fn(ctx, &sum);
	}
	return r < 0 ? r : 0;
}

static uint64_t unaccounted_ns(const struct ls_thread_stats *stats)
{
	return rate_since(stats->at_ns - stats->since_ns,
			  stats->step_ns + stats->callbacks_ns + stats->idle_ns);
}

static const unsigned int turn_percents[] = { 50, 99 };

/* The kernel side accounts off-CPU time by cause; the remainder of the spans is CPU time. */
static uint64_t exact_cpu_ns(const struct loop_reading *t)
{
	const struct ls_thread_stats *s = &t->stats, *base = &t->base;
	const uint64_t spans_ns = rate_since(s->step_ns, base->step_ns) +
		rate_since(s->callbacks_ns, base->callbacks_ns);
	uint64_t off_ns = 0;

	for (int i = 0; i < LS_CAUSE_MAX; i++)
		off_ns += rate_since(s->cause_ns[i], base->cause_ns[i]);
	return rate_since(spans_ns, off_ns);
}

static void row_fill(struct loop_row *row, const struct loop_reading *t,
		     const struct ls_thread_stats *stats)
{
	uint64_t turn_ns[2];

	hist__percentiles_ns(stats->turn_hist, turn_percents, 2, stats->worst_turn_ns, turn_ns);
	*row = (struct loop_row){
		.pid = t->key.pid,
		.tid = t->key.tid,
		.process = t->process,
		.steps = stats->steps,
		.step_ns = stats->step_ns,
		.callbacks_ns = stats->callbacks_ns,
		.idle_ns = stats->idle_ns,
		.watched_ns = stats->at_ns - stats->since_ns,
		.unaccounted_ns = unaccounted_ns(stats),
		.turns = stats->turns,
		.stalls = stats->stalls,
		.handles = stats->handles,
		.light_cpu_ns = rate_since(t->stats.light_cpu_ns, t->base.light_cpu_ns),
		.exact_cpu_ns = exact_cpu_ns(t),
		.turn_p50_ns = turn_ns[0],
		.turn_p99_ns = turn_ns[1],
		.turn_max_ns = stats->worst_turn_ns,
		.turn_own_max_ns = stats->worst_turn_own_ns,
		.steps_per_s = t->steps_per_s,
		.busy = t->busy,
		.gil = t->gil,
		.runqueue = t->runqueue,
		.tasks_ready = t->info.tasks_ready,
		.executor_threads = t->info.executor_threads,
		.executor_max = t->info.executor_max,
		.executor_queued = t->info.executor_queued,
		.executor_full_ticks = t->executor_full_ticks,
		.container_pid = t->info.container_pid,
	};
	memcpy(row->cause_ns, stats->cause_ns, sizeof(row->cause_ns));
}

static void snapshot_add(struct snapshot *s, const struct loop_row *row)
{
	s->steps += row->steps;
	s->step_ns += row->step_ns;
	s->callbacks_ns += row->callbacks_ns;
	s->idle_ns += row->idle_ns;
	s->watched_ns += row->watched_ns;
	s->unaccounted_ns += row->unaccounted_ns;
	s->turns += row->turns;
	s->stalls += row->stalls;
	s->handles += row->handles;
	s->light_cpu_ns += row->light_cpu_ns;
	s->exact_cpu_ns += row->exact_cpu_ns;
	s->tasks_ready += row->tasks_ready;
	if (row->turn_max_ns > s->turn_max_ns)
		s->turn_max_ns = row->turn_max_ns;
	if (row->turn_own_max_ns > s->turn_own_max_ns)
		s->turn_own_max_ns = row->turn_own_max_ns;
}

/* Threads without a row count in the totals only. */
static void snapshot_add_ended(struct snapshot *s, const struct ls_thread_stats *ended)
{
	const struct loop_row sum = {
		.steps = ended->steps,
		.step_ns = ended->step_ns,
		.callbacks_ns = ended->callbacks_ns,
		.idle_ns = ended->idle_ns,
		.watched_ns = ended->at_ns,
		.unaccounted_ns = unaccounted_ns(ended),
		.turns = ended->turns,
		.stalls = ended->stalls,
		.turn_max_ns = ended->worst_turn_ns,
		.turn_own_max_ns = ended->worst_turn_own_ns,
	};

	snapshot_add(s, &sum);
}

static int row_compare(const void *va, const void *vb)
{
	const struct loop_row *a = va, *b = vb;

	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	return (a->tid > b->tid) - (a->tid < b->tid);
}

int loops__sum(struct loops *l, struct snapshot *ret_snapshot)
{
	uint32_t turn_hist[LS_HIST_BUCKETS] = { 0 };
	struct ls_thread_stats stats;
	struct loop_reading *t, *next;
	struct loop_row *rows;
	uint64_t turn_ns[2];

	rows = reallocarray(l->rows, HASH_COUNT(l->readings) + 1, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	l->rows = rows;
	l->n_rows = 0;
	l->callbacks_starved_ns = l->ended.callbacks_starved_ns;
	snapshot_add_ended(ret_snapshot, &l->ended);
	hist__add(turn_hist, l->ended.turn_hist);
	HASH_ITER (hh, l->readings, t, next) {
		reading_since_base(t, &stats);
		row_fill(&rows[l->n_rows], t, &stats);
		snapshot_add(ret_snapshot, &rows[l->n_rows++]);
		hist__add(turn_hist, stats.turn_hist);
		l->callbacks_starved_ns += stats.callbacks_starved_ns;
	}
	hist__percentiles_ns(turn_hist, turn_percents, 2, ret_snapshot->turn_max_ns, turn_ns);
	ret_snapshot->turn_p50_ns = turn_ns[0];
	ret_snapshot->turn_p99_ns = turn_ns[1];
	qsort(rows, l->n_rows, sizeof(*rows), row_compare);
	ret_snapshot->n_loops = l->n_rows;
	ret_snapshot->loops = rows;
	return 0;
}
