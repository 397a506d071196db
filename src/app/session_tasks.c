/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is read out of the processes' own memory while they run: their tasks one by one, how many are alive and ready, and
 * how full their executors are. It costs us, not them; so it is done only as often as its cost allows.
 */
#include "app/session_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* A look that took so much CPU time is not repeated before this many times it: two per cent of a core at most. */
#define COST_FACTOR 50
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

	if (c->n == c->size) {
		const size_t size = c->size ? 2 * c->size : 1024;
		struct counter *list = reallocarray(c->list, size, sizeof(*list));

		if (!list)
			return -ENOMEM;
		c->list = list;
		c->size = size;
	}
	c->list[c->n++] = (struct counter){ *key, *stats };
	return 0;
}

/* By process and task: one that moved to another thread's loop does not exist. */
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

/* Whose tasks are chosen among. */
struct choice {
	const struct counters *counters;
	uint64_t since_ns;
	uint32_t pid;
};

/* Who ran lately comes first, and among those who ran longest. */
static uint64_t weight_of_task(void *ctx, uint64_t counted_as)
{
	const struct choice *choice = ctx;
	const struct ls_task_stats *stats = counters__find(choice->counters, choice->pid, counted_as);

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

/* The strings and frames stay where they are: the watch's buffer lives until its next look. */
static int look__add(struct look *l, const struct watch *w, size_t n, const struct counters *counters)
{
	struct model_task *list = reallocarray(l->list, l->n + n + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	l->list = list;
	for (size_t i = 0; i < n; i++) {
		const struct target_task *t = &w->tasks[i];
		const struct ls_task_stats *stats =
			counters__find(counters, (uint32_t)w->pid, t->counted_as);

		list[l->n++] = (struct model_task){
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

static int read_all(struct session *s, uint64_t since_ns, struct look *look)
{
	_cleanup_(counters__done) struct counters counters = {};
	int r;

	r = probe__each_task(s->probe, on_counter, &counters);
	if (r < 0)
		return r;
	qsort(counters.list, counters.n, sizeof(*counters.list), counter_compare);
	for (size_t i = 0; i < s->n_watches; i++) {
		struct watch *w = s->watches[i];
		struct choice of = { &counters, since_ns, (uint32_t)w->pid };
		const struct target_task_choice choice = { weight_of_task, &of };
		size_t total = 0;

		if (w->is_gone || !w->target || look->n >= MAX_TASKS)
			continue;
		r = target__tasks(w->target, MAX_TASKS - look->n, &choice, &w->tasks, &w->tasks_size, &total);
		if (r < 0)
			continue; /* it has gone, or has no asyncio yet */
		look->alive += total;
		r = look__add(look, w, (size_t)r, &counters);
		if (r < 0)
			return r;
	}
	return 0;
}

int session__read_tasks(struct session *s, uint64_t now_ns)
{
	_cleanup_(look__done) struct look look = {};
	const uint64_t before_ns = session_own_cpu_ns();
	int r;

	if (now_ns < s->tasks_due_ns)
		return 0;
	r = read_all(s, s->tasks_read_ns, &look);
	s->tasks_read_ns = now_ns;
	if (r >= 0)
		r = feed__tasks(&s->feed, now_ns, look.list, look.n, look.alive);
	s->tasks_due_ns = now_ns + COST_FACTOR * (session_own_cpu_ns() - before_ns);
	return r;
}

int session__count_tasks(struct session *s, bool is_on)
{
	int r;

	if (is_on == s->is_counting_tasks)
		return 0;
	r = probe__count_tasks(s->probe, is_on);
	if (r < 0)
		return r;
	s->is_counting_tasks = is_on;
	s->tasks_due_ns = 0;
	return 0;
}

static int tell_loop(struct session *s, const struct watch *w, const struct watch_loop *l)
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

/* An executor is judged by the tick: more often it need not be read. */
static int read_loop(struct session *s, const struct watch *w, struct watch_loop *l, uint64_t now_ns)
{
	if (l->tid <= 0)
		return 0;
	if (now_ns >= s->tick_due_ns && target__executor(w->target, l->loop, &l->executor) < 0)
		l->executor = (struct target_executor){ 0 };
	return tell_loop(s, w, l);
}

int session__read_loops(struct session *s, uint64_t now_ns)
{
	const bool is_counted = now_ns >= s->alive_due_ns && !s->is_counting_tasks;
	const uint64_t before_ns = session_own_cpu_ns();
	uint64_t alive = 0, pace_ns;
	int r = 0;

	for (size_t i = 0; i < s->n_watches; i++) {
		struct watch *w = s->watches[i];
		int n;

		if (w->is_gone || !w->target)
			continue;
		for (size_t j = 0; r >= 0 && j < watch__known_loops(w); j++)
			r = read_loop(s, w, &w->loops[j], now_ns);
		n = is_counted ? target__count_tasks(w->target) : 0;
		if (n > 0)
			alive += (uint64_t)n;
	}
	if (r >= 0 && is_counted) {
		r = feed__tasks(&s->feed, now_ns, NULL, 0, alive);
		pace_ns = COST_FACTOR * (session_own_cpu_ns() - before_ns);
		s->alive_due_ns = now_ns + (pace_ns > SESSION_TICK_NS ? pace_ns : SESSION_TICK_NS);
	}
	return r;
}
