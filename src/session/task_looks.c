/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is read out of the processes' memory while they run: their tasks one by one, how many are
 * alive and ready, and how full their executors are. It costs our CPU time, not theirs, so it is
 * paced by its cost.
 */
#include "session/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "record/format.h"
#include "runtime/lifecycle.h"
#include "runtime/pools.h"
#include "session/lives.h"
#include "session/pacer.h"

/* Looks take at most 1 % of a core: with all else that the dashboard does, less than 3 %. */
#define COST_FACTOR 100
#define POOLS_COST_FACTOR 200 /* 0.5 %: not asked for, and the stacks of all threads */
#define MAX_TASKS 20000
#define LATELY (1ULL << 62) /* more than any time in ns */

/* Counters of single tasks as the kernel side has them, in the order of their keys. */
struct counters {
	size_t n, size;
	struct counter {
		struct ls_task_key key;
		struct ls_task_stats stats;
	} * list;
};

/* What one look collects. */
struct look {
	size_t n, size;
	struct model_task *list;
	uint64_t alive;
};

static void counters__done(struct counters *c)
{
	free(c->list);
}

static void look__done(struct look *l)
{
	free(l->list);
}

static int on_counter(void *ctx, const struct ls_task_key *key, const struct ls_task_stats *stats)
{
	struct counters *c = ctx;

	if (ARRAY_RESERVE(c->list, c->size, c->n + 1) < 0)
		return -ENOMEM;
	c->list[c->n++] = (struct counter){ *key, *stats };
	return 0;
}

/* Sorted by process and task: a task never moves to another loop. */
static int counter_compare(const void *va, const void *vb)
{
	const struct counter *a = va, *b = vb;

	if (a->key.tgid != b->key.tgid)
		return a->key.tgid < b->key.tgid ? -1 : 1;
	return (a->key.task > b->key.task) - (a->key.task < b->key.task);
}

static const struct ls_task_stats *counters__find(const struct counters *c, uint32_t pid,
						  uint64_t task)
{
	const struct counter wanted = { .key = { .task = task, .tgid = pid } };
	const struct counter *found = NULL;

	if (c->n > 0)
		found = bsearch(&wanted, c->list, c->n, sizeof(wanted), counter_compare);
	return found ? &found->stats : NULL;
}

/* Context of weight_of_task(). */
struct choice {
	const struct counters *counters;
	uint64_t since_ns;
	uint32_t pid;
};

/* Tasks that ran lately come first, and of these the ones that ran longest. */
static uint64_t weight_of_task(void *ctx, uint64_t counted_as)
{
	const struct choice *choice = ctx;
	const struct ls_task_stats *stats =
		counters__find(choice->counters, choice->pid, counted_as);

	if (!stats)
		return 0;
	return (stats->last_end_ns >= choice->since_ns ? LATELY : 0) + stats->total_ns;
}

static pid_t thread_of_loop(const struct watch *w, uint64_t loop)
{
	for (size_t i = 0; i < watch__known_loops(w); i++)
		if (w->loops[i].loop == loop)
			return w->loops[i].tid;
	return 0;
}

static enum model_task_state state_of(enum target_task_state state)
{
	switch (state) {
	case TARGET_TASK_READY:
		return MODEL_TASK_READY;
	case TARGET_TASK_RUNNING:
		return MODEL_TASK_RUNNING;
	default:
		return MODEL_TASK_WAITING;
	}
}

/* The strings and frames stay where they are: the watch's list lives until its next look. */
static int look__add(struct look *l, const struct watch *w, size_t n,
		     const struct counters *counters)
{
	if (ARRAY_RESERVE(l->list, l->size, l->n + n + 1) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct target_task *t = &w->tasks.list[i];
		const struct ls_task_stats *stats =
			counters__find(counters, (uint32_t)w->pid, t->counted_as);

		l->list[l->n++] = (struct model_task){
			.pid = (uint32_t)w->pid,
			.tid = (uint32_t)thread_of_loop(w, t->loop),
			.task = t->task,
			.awaited_by = t->awaited_by,
			.code = t->code,
			.qualname = t->qualname,
			.state = state_of(t->state),
			.name = t->name,
			.waits_for = t->waits_for,
			.is_cut = t->is_cut,
			.n_frames = t->n_frames,
			.frames = t->frames,
			.stats = stats ? *stats : (struct ls_task_stats){ 0 },
		};
	}
	return 0;
}

void session__note_cut(struct session *s, struct watch *w, int code)
{
	if (code != -ETIME || w->is_look_cut)
		return;
	w->is_look_cut = true;
	session__note(s, LOG_GRADE_WARNING, w->pid,
		      "its tasks are not listed: reading them takes too much CPU time");
}

static int read_all(struct session *s, uint64_t since_ns, struct look *look)
{
	_cleanup_(counters__done) struct counters counters = {};
	struct watch *w;
	int r;

	r = s->env->kernel->each_task(s->probe, on_counter, &counters);
	if (r < 0)
		return r;
	qsort(counters.list, counters.n, sizeof(*counters.list), counter_compare);
	WATCHES_EACH(&s->watches, WATCH_EXAMINED, w)
	{
		struct choice of = { &counters, since_ns, (uint32_t)w->pid };
		const struct target_task_choice choice = { weight_of_task, &of };

		if (look->n >= MAX_TASKS)
			break;
		r = target__tasks(w->target, MAX_TASKS - look->n, &choice, &w->tasks);
		if (r < 0) {
			/* Else it has gone, or has no loops yet. */
			session__note_cut(s, w, r);
			continue;
		}
		look->alive += w->tasks.total;
		r = look__add(look, w, (size_t)r, &counters);
		if (r < 0)
			return r;
	}
	return 0;
}

int session__read_tasks(struct session *s, uint64_t now_ns)
{
	const struct pacer pacer = { .cost_factor = COST_FACTOR };
	_cleanup_(look__done) struct look look = {};
	const uint64_t before_ns = session__own_cpu_ns(s);
	int r;

	if (now_ns < s->tasks.due_ns)
		return 0;
	r = read_all(s, s->tasks.read_ns, &look);
	s->tasks.read_ns = now_ns;
	if (r >= 0)
		r = feed__tasks(&s->feed, now_ns, look.list, look.n, look.alive);
	s->tasks.due_ns = pacer__next_ns(&pacer, now_ns, session__own_cpu_ns(s) - before_ns);
	return r;
}

bool session__is_counting_tasks(const struct session *s)
{
	return s->tasks.is_counting;
}

int session__count_tasks(struct session *s, bool is_on)
{
	int r;

	if (is_on == s->tasks.is_counting)
		return 0;
	r = s->env->kernel->count_tasks(s->probe, is_on);
	if (r < 0)
		return r;
	s->tasks.is_counting = is_on;
	s->tasks.due_ns = 0;
	return 0;
}

static int read_queue(struct session *s, const struct watch *w, const struct watch_loop *l)
{
	const int ready = target__count_ready(w->target, &l->info);
	const struct model_loop_info info = {
		.process = w->target->comm,
		.container_pid = w->target->is_container ? (uint32_t)w->target->ns_pid : 0,
		.tasks_ready = ready > 0 ? (uint32_t)ready : 0,
		.executor_threads = l->executor.threads,
		.executor_max = l->executor.max_workers,
		.executor_queued = l->executor.queued,
	};

	return feed__loop(&s->feed, (uint32_t)w->pid, (uint32_t)l->tid, &info);
}

/* The model looks at executors once a tick, so they are not read more often. */
static int read_loop(struct session *s, const struct watch *w, struct watch_loop *l,
		     uint64_t now_ns)
{
	if (l->tid <= 0)
		return 0;
	if (now_ns >= s->intake.tick_due_ns &&
	    target__executor(w->target, l->loop, &l->executor) < 0)
		l->executor = (struct target_executor){ 0 };
	return read_queue(s, w, l);
}

static int feed_lives(struct session *s, struct watch *w, uint64_t now_ns)
{
	_cleanup_free_ struct life_group *chosen = calloc(FORMAT_MAX_LIVES, sizeof(*chosen));
	int r = chosen ? lives__look(&w->lives, s->tasks.life, now_ns) : -ENOMEM;

	if (r)
		return r;
	return feed__lives(&s->feed, now_ns, (uint32_t)w->pid, chosen,
			   lives__choose(s->tasks.life, chosen, FORMAT_MAX_LIVES));
}

/* Two looks at least tell whether a pool was full in between. */
static int read_pools(struct session *s, struct watch *w, uint64_t now_ns)
{
	_cleanup_free_ struct pools *pools = calloc(1, sizeof(*pools));
	int r;

	if (!s->tasks.life)
		s->tasks.life = calloc(1, sizeof(*s->tasks.life));
	if (!pools || !s->tasks.life)
		return -ENOMEM;
	s->tasks.life->depth = lives__depth(&w->lives);
	r = target__pools(w->target, pools, s->tasks.life);
	/* Else it has gone, or what was read was torn. */
	if (r < 0)
		return 0;
	w->tasks_alive = s->tasks.life->alive;
	w->listed_ns = now_ns;
	r = feed__pools(&s->feed, now_ns, (uint32_t)w->pid, pools->list, pools->n);
	return r < 0 ? r : feed_lives(s, w, now_ns);
}

int session__end_tasks(struct session *s, const struct watch *w, uint64_t now_ns)
{
	int r = feed__pools(&s->feed, now_ns, (uint32_t)w->pid, NULL, 0);

	return r < 0 ? r : feed__lives(&s->feed, now_ns, (uint32_t)w->pid, NULL, 0);
}

void session__done_tasks(struct session *s)
{
	if (s->tasks.life)
		lifecycle__done(s->tasks.life);
	free(s->tasks.life);
	s->tasks.life = NULL;
}

int session__read_pools(struct session *s, uint64_t now_ns)
{
	const struct pacer pacer = { .pace_ns = SESSION_TICK_NS, .cost_factor = POOLS_COST_FACTOR };
	const uint64_t before_ns = session__own_cpu_ns(s);
	struct watch *w;
	int r = 0;

	if (now_ns < s->tasks.pools_due_ns)
		return 0;
	WATCHES_EACH(&s->watches, WATCH_EXAMINED, w)
	if (r >= 0 && watch__known_loops(w))
		r = read_pools(s, w, now_ns);
	s->tasks.pools_due_ns = pacer__next_ns(&pacer, now_ns, session__own_cpu_ns(s) - before_ns);
	return r;
}

/* A look at the pools has just listed them. */
static int count_tasks(const struct watch *w, uint64_t now_ns)
{
	if (w->listed_ns && now_ns - w->listed_ns <= SESSION_TICK_NS)
		return (int)w->tasks_alive;
	return target__count_tasks(w->target);
}

int session__read_loops(struct session *s, uint64_t now_ns)
{
	const bool is_counted = now_ns >= s->tasks.alive_due_ns && !s->tasks.is_counting;
	const uint64_t before_ns = session__own_cpu_ns(s);
	const struct pacer pacer = { .pace_ns = SESSION_TICK_NS, .cost_factor = COST_FACTOR };
	uint64_t alive = 0;
	struct watch *w;
	int r = 0;

	WATCHES_EACH(&s->watches, WATCH_EXAMINED, w)
	{
		int n;

		for (size_t j = 0; r >= 0 && j < watch__known_loops(w); j++)
			r = read_loop(s, w, &w->loops[j], now_ns);
		n = is_counted ? count_tasks(w, now_ns) : 0;
		if (is_counted)
			w->tasks_alive = n > 0 ? (uint64_t)n : 0;
		if (n > 0)
			alive += (uint64_t)n;
		else
			session__note_cut(s, w, n);
	}
	if (r >= 0 && is_counted) {
		r = feed__tasks(&s->feed, now_ns, NULL, 0, alive);
		s->tasks.alive_due_ns =
			pacer__next_ns(&pacer, now_ns, session__own_cpu_ns(s) - before_ns);
	}
	return r;
}
