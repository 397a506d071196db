/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exact or light: switches the probes of all processes, and in mode auto decides several times a
 * second, by the policy in budget.h, which of both the cost of exact timing allows.
 */
#include "session/parts.h"

#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/time.h"

/* A target that becomes busy must leave exact mode soon. */
#define PACE_NS (50 * NS_PER_MS)
#define ENOUGH_TIMED 256
#define USUAL_PROGRAM_NS 500
/* Shorter intervals have too few hits to say what they cost. */
#define MIN_INTERVAL_NS (4 * NS_PER_MS)
/* Handles are counted by looks, and a loop begins them in bursts. */
#define HANDLES_INTERVAL_NS (200 * NS_PER_MS)

bool session__is_light(const struct session *s, const struct watch *w)
{
	return s->env->kernel->is_light(s->probe) || w->target->proc.is_light;
}

/* Long enough that the word can be read, whatever the load does. */
#define LATELY_NS (10 * NS_PER_S)

bool session__was_light_lately(const struct session *s, const struct watch *w)
{
	const struct mode *m = &s->mode;

	if (session__is_light(s, w) || (m->is_auto && m->budget.mode != BUDGET_EXACT))
		return true;
	return m->left_ns && session__now_ns(s) - m->left_ns < LATELY_NS;
}

struct light session__light(const struct session *s)
{
	const struct watch *w = watches__first(&s->watches);
	const struct own_cost cost = session__own_cost(s);

	return (struct light){ .is_now = w && session__was_light_lately(s, w),
			       .ns_per_hit = cost.ns_per_hit + cost.program_ns_per_hit };
}

uint64_t session__light_ns(const struct session *s, uint64_t now_ns)
{
	const bool is_light = s->env->kernel->is_light(s->probe);

	return s->mode.light_ns + (is_light ? now_ns - s->mode.switched_ns : 0);
}

static void remove_uprobes(struct session *s)
{
	const struct watch *w;

	WATCHES_EACH(&s->watches, WATCH_ALL, w)
	s->env->kernel->remove_uprobes(s->probe, w->pid);
}

static int add_uprobes(struct session *s, struct err *err)
{
	const struct watch *w;
	int r;

	WATCHES_EACH(&s->watches, WATCH_EXAMINED, w)
	{
		r = s->env->kernel->add_uprobes(s->probe, w->target, err);
		if (r >= 0)
			continue;
		remove_uprobes(s);
		return r;
	}
	return 0;
}

/*
 * Looks begin before the uprobes are removed, and end when all of them are there. A loop thread
 * that ran no step in exact mode is not known to the kernel side, so it is registered at once: its
 * first step would be missed.
 */
int session__set_light(struct session *s, bool is_light, struct err *err)
{
	const uint64_t now_ns = session__now_ns(s);
	int r;

	if (is_light == s->env->kernel->is_light(s->probe))
		return 0;
	r = is_light ? 0 : add_uprobes(s, err);
	if (r < 0)
		return r;
	s->mode.light_ns = session__light_ns(s, now_ns);
	s->mode.switched_ns = now_ns;
	s->mode.n_switches++;
	session__poll_threads_soon(s);
	s->env->kernel->set_light(s->probe, is_light);
	if (!is_light)
		return 0;
	session__find_light_loops(s);
	remove_uprobes(s);
	return 0;
}

static int add_steps(void *ctx, uint32_t pid, uint32_t tid, const struct ls_thread_stats *stats)
{
	struct session *s = ctx;
	struct watch *w = watches__find(&s->watches, (pid_t)pid);

	(void)tid;
	if (w)
		w->budget_steps += stats->steps;
	return 0;
}

/*
 * Of the steps of all processes since the last call, the part of the process that made most: each
 * has a core to itself, if it can.
 */
static double busiest_share(struct session *s)
{
	uint64_t all = 0, most = 0;
	struct watch *w;

	WATCHES_EACH(&s->watches, WATCH_ALL, w)
	{
		w->budget_mark = w->budget_steps;
		w->budget_steps = 0;
	}
	if (s->env->kernel->each_thread(s->probe, add_steps, s) < 0)
		return 1;
	WATCHES_EACH(&s->watches, WATCH_ALL, w)
	{
		const uint64_t n =
			w->budget_steps > w->budget_mark ? w->budget_steps - w->budget_mark : 0;

		all += n;
		most = n > most ? n : most;
	}
	return all ? (double)most / (double)all : 1;
}

static int add_handles(void *ctx, uint32_t pid, uint32_t tid, const struct ls_thread_stats *stats)
{
	uint64_t *sum = ctx;

	(void)pid;
	(void)tid;
	*sum += stats->handles;
	return 0;
}

static void read_handles(struct session *s, uint64_t now_ns)
{
	const uint64_t before = s->mode.handles.begun, before_ns = s->mode.handles.read_ns;

	s->mode.handles.begun = s->mode.handles.read_ns = 0;
	s->mode.handles.per_s = NAN;
	if (s->env->kernel->each_thread(s->probe, add_handles, &s->mode.handles.begun) < 0)
		return;
	s->mode.handles.read_ns = now_ns;
	/* The count falls when a thread ends. */
	if (before_ns && s->mode.handles.begun >= before)
		s->mode.handles.per_s = (double)(s->mode.handles.begun - before) *
			(double)NS_PER_S / (double)(now_ns - before_ns);
}

/* From here on hits are counted for the next decision. Returns busiest_share(). */
static double set_mark(struct session *s, uint64_t now_ns)
{
	s->env->kernel->read_cost(s->probe, now_ns, &s->mode.mark);
	s->mode.mark_ns = now_ns;
	return busiest_share(s);
}

/*
 * Of all hits so far, not of the last few: only one run of a program in LS_METER_EVERY is timed,
 * and the first ones are slow. Until enough were timed a program is taken to need what it usually
 * does.
 */
static double ns_per_hit(const struct probe_cost *cost)
{
	double program_ns;

	if (!cost->hits)
		return 0;
	program_ns = (double)cost->hit_programs_ns / (double)cost->hits;
	if (cost->hits < ENOUGH_TIMED * LS_METER_EVERY && program_ns > USUAL_PROGRAM_NS)
		program_ns = USUAL_PROGRAM_NS;
	return program_ns + (double)cost->hit_traps_ns / (double)cost->hits;
}

/* The measured cost of exact timing to the busiest loop since the mark. */
static struct budget_load load_seen(struct session *s, uint64_t now_ns)
{
	const uint64_t hits_before = s->mode.mark.hits, interval_ns = now_ns - s->mode.mark_ns;
	double share;

	if (interval_ns < MIN_INTERVAL_NS)
		return (struct budget_load){ NAN, NAN };
	share = set_mark(s, now_ns);
	return (struct budget_load){
		.hits_per_s = (double)(s->mode.mark.hits - hits_before) * (double)NS_PER_S /
			(double)interval_ns * share,
		.ns_per_hit = ns_per_hit(&s->mode.mark),
	};
}

/* The estimated cost of exact timing now. */
static struct budget_load load_estimated(struct session *s, uint64_t now_ns)
{
	if (now_ns - s->mode.handles.read_ns >= HANDLES_INTERVAL_NS)
		read_handles(s, now_ns);
	return (struct budget_load){ .hits_per_s = s->mode.handles.per_s * s->mode.handles.hits,
				     .ns_per_hit = ns_per_hit(&s->mode.mark) };
}

/* Windows come and go all the time: they are counted, but get no line each. */
static void note_change(struct session *s, enum budget_mode before, enum budget_mode mode)
{
	const double load = 100 * s->mode.budget.load, share = 100 * s->mode.budget.share;

	if (before == BUDGET_EXACT && mode != BUDGET_EXACT)
		session__note(s, LOG_GRADE_WARNING, 0,
			      "light mode from here on: to time each step took %.1f%% of the "
			      "busiest loop, the budget is %.1f%%",
			      load, share);
	else if (before != BUDGET_EXACT && mode == BUDGET_EXACT)
		session__note(
			s, LOG_GRADE_INFO, 0,
			"exact mode again: to time each step takes %.1f%% of the busiest loop",
			load);
}

static void follow_budget(struct session *s, uint64_t now_ns)
{
	const enum budget_mode before = s->mode.budget.mode;
	const struct budget_load load =
		before == BUDGET_LIGHT ? load_estimated(s, now_ns) : load_seen(s, now_ns);
	const enum budget_mode mode = budget__decide(&s->mode.budget, &load, now_ns);
	struct err err = {};

	if (session__set_light(s, mode == BUDGET_LIGHT, &err) < 0) {
		session__note(s, LOG_GRADE_ERROR, 0, "light mode from here on: %s", err.what);
		s->mode.is_auto = false;
		return;
	}
	if (before == BUDGET_LIGHT && mode != BUDGET_LIGHT)
		set_mark(s, session__now_ns(s));
	/* The window saw the hits of what the looks before it counted as handles. */
	if (before == BUDGET_WINDOW && isfinite(load.hits_per_s))
		s->mode.handles.hits =
			s->mode.handles.per_s > 0 ? load.hits_per_s / s->mode.handles.per_s : NAN;
	if (before != BUDGET_LIGHT && mode == BUDGET_LIGHT)
		s->mode.handles.read_ns = 0;
	if (before != BUDGET_EXACT && mode == BUDGET_EXACT)
		s->mode.left_ns = now_ns;
	note_change(s, before, mode);
}

static int decide(void *ctx, uint64_t now_ns)
{
	struct session *s = ctx;
	const uint64_t before_ns = session__own_cpu_ns(s);
	uint64_t due_ns;

	follow_budget(s, now_ns);
	if (!s->mode.is_auto) {
		s->mode.timer.due_ns = TIMER_NEVER;
		return 0;
	}
	due_ns = session__next_due_ns(s, now_ns, PACE_NS, before_ns);
	if (budget__due_ns(&s->mode.budget) < due_ns)
		due_ns = budget__due_ns(&s->mode.budget);
	s->mode.timer.due_ns = due_ns;
	return 0;
}

void session__init_mode(struct session *s, bool needs_every_step)
{
	const uint64_t now_ns = session__now_ns(s);

	s->mode = (struct mode){
		.timer = { .due_ns = TIMER_NEVER, .fn = decide, .ctx = s },
		.is_auto = s->opts.mode == MEASURE_MODE_AUTO && !needs_every_step,
		.switched_ns = s->life.started_ns,
		.handles = { .per_s = NAN, .hits = NAN },
	};
	loop__add_timer(&s->loop, &s->mode.timer);
	if (!s->mode.is_auto)
		return;
	budget__init(&s->mode.budget, s->opts.budget, now_ns);
	set_mark(s, now_ns);
	s->mode.timer.due_ns = now_ns + PACE_NS;
}
