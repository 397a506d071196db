/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mode auto: what exact timing costs is looked at several times a second, and the policy (app/budget.h) says which mode that allows.
 */
#include "app/session_impl.h"

#include <math.h>
#include <stdlib.h>

#include "base/log.h"

/* A target that cannot afford it is to be let go soon, also if it gets busy all of a sudden. */
#define PACE_NS 50000000ULL
#define ENOUGH_TIMED 64
#define USUAL_PROGRAM_NS 500
/* In less there are too few hits to tell what they cost. */
#define MIN_INTERVAL_NS 4000000ULL
/* Handles are counted by looks, and a loop begins them in bursts. */
#define HANDLES_INTERVAL_NS 200000000ULL

static int add_steps(void *ctx, uint32_t pid, uint32_t tid, const struct ls_thread_stats *stats)
{
	struct session *s = ctx;
	struct watch *w = session__find(s, (pid_t)pid);

	(void)tid;
	if (w)
		w->budget_steps += stats->steps;
	return 0;
}

/* Of the steps of all processes since the last call, the part of the process that made most: each has a core to itself, if it can. */
static double busiest_share(struct session *s)
{
	uint64_t all = 0, most = 0;

	for (size_t i = 0; i < s->n_watches; i++) {
		s->watches[i]->budget_mark = s->watches[i]->budget_steps;
		s->watches[i]->budget_steps = 0;
	}
	if (probe__each_thread(s->probe, add_steps, s) < 0)
		return 1;
	for (size_t i = 0; i < s->n_watches; i++) {
		const struct watch *w = s->watches[i];
		const uint64_t n = w->budget_steps > w->budget_mark ? w->budget_steps - w->budget_mark : 0;

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
	const uint64_t before = s->handles.begun, before_ns = s->handles.read_ns;

	s->handles.begun = s->handles.read_ns = 0;
	s->handles.per_s = NAN;
	if (probe__each_thread(s->probe, add_handles, &s->handles.begun) < 0)
		return;
	s->handles.read_ns = now_ns;
	/* A thread that ended took its own along. */
	if (before_ns && s->handles.begun >= before)
		s->handles.per_s = (double)(s->handles.begun - before) * 1e9 / (double)(now_ns - before_ns);
}

/* From here on hits are counted for the next decision. Returns busiest_share(). */
static double set_mark(struct session *s, uint64_t now_ns)
{
	probe_cost__read(s->probe, now_ns, &s->budget_cost);
	s->budget_cost_ns = now_ns;
	return busiest_share(s);
}

void session__begin_auto(struct session *s)
{
	const char *pace = getenv("LOOPSTALL_TEST_SWITCH_MS");

	/* A judge wants every step. */
	s->is_auto = s->config->mode == CLI_MODE_AUTO && !s->judge;
	s->budget_due_ns = UINT64_MAX;
	if (!s->is_auto)
		return;
	s->handles.per_s = s->handles.hits = NAN;
	budget__init(&s->budget, s->config->budget, session_now_ns());
	set_mark(s, session_now_ns());
	s->budget_due_ns = session_now_ns() + PACE_NS;
	s->test_switch_ns = pace ? strtoull(pace, NULL, 10) * 1000000 : 0;
}

/*
 * Of all hits so far, not of the last few: only one run of a program in LS_METER_EVERY is timed, and the first ones are slow. Until enough were timed a
 * program is taken to need what it usually does.
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

/* What exact timing took of the busiest loop since the mark. */
static struct budget_load load_seen(struct session *s, uint64_t now_ns)
{
	const uint64_t hits_before = s->budget_cost.hits, interval_ns = now_ns - s->budget_cost_ns;
	double share;

	if (interval_ns < MIN_INTERVAL_NS)
		return (struct budget_load){ NAN, NAN };
	share = set_mark(s, now_ns);
	return (struct budget_load){
		.hits_per_s = (double)(s->budget_cost.hits - hits_before) * 1e9 / (double)interval_ns * share,
		.ns_per_hit = ns_per_hit(&s->budget_cost),
	};
}

/* What it would take now. */
static struct budget_load load_estimated(struct session *s, uint64_t now_ns)
{
	if (now_ns - s->handles.read_ns >= HANDLES_INTERVAL_NS)
		read_handles(s, now_ns);
	return (struct budget_load){ .hits_per_s = s->handles.per_s * s->handles.hits, .ns_per_hit = ns_per_hit(&s->budget_cost) };
}

/* Windows come and go all the time: they are counted, but not told one by one. */
static void tell_change(struct session *s, enum budget_mode before, enum budget_mode mode)
{
	const double load = 100 * s->budget.load, share = 100 * s->budget.share;

	if (before == BUDGET_EXACT && mode != BUDGET_EXACT)
		session__note(s, LOG_GRADE_WARNING, 0,
			      "light mode from here on: to time each step took %.1f%% of the busiest loop, the budget is %.1f%%", load, share);
	else if (before != BUDGET_EXACT && mode == BUDGET_EXACT)
		session__note(s, LOG_GRADE_INFO, 0, "exact mode again: to time each step takes %.1f%% of the busiest loop", load);
}

static void follow_budget(struct session *s, uint64_t now_ns)
{
	const enum budget_mode before = s->budget.mode;
	const struct budget_load load = before == BUDGET_LIGHT ? load_estimated(s, now_ns) : load_seen(s, now_ns);
	const enum budget_mode mode = budget__decide(&s->budget, &load, now_ns);
	struct err err = {};

	if (session__switch(s, mode == BUDGET_LIGHT, &err) < 0) {
		session__note(s, LOG_GRADE_ERROR, 0, "light mode from here on: %s", err.what);
		s->is_auto = false;
		return;
	}
	if (before == BUDGET_LIGHT && mode != BUDGET_LIGHT)
		set_mark(s, session_now_ns());
	/* The window saw the hits of what the looks before it counted as handles. */
	if (before == BUDGET_WINDOW && isfinite(load.hits_per_s))
		s->handles.hits = s->handles.per_s > 0 ? load.hits_per_s / s->handles.per_s : NAN;
	if (before != BUDGET_LIGHT && mode == BUDGET_LIGHT)
		s->handles.read_ns = 0;
	tell_change(s, before, mode);
}

void session__keep_budget(struct session *s, uint64_t now_ns)
{
	struct err err = {};
	uint64_t before_ns;

	if (now_ns < s->budget_due_ns)
		return;
	if (s->test_switch_ns) {
		session__switch(s, !probe__is_light(s->probe), &err);
		s->budget_due_ns = now_ns + s->test_switch_ns;
		return;
	}
	before_ns = session_own_cpu_ns();
	if (s->is_auto)
		follow_budget(s, now_ns);
	s->budget_due_ns = s->is_auto ? session_next_due_ns(now_ns, PACE_NS, session_own_cpu_ns() - before_ns) : UINT64_MAX;
	if (s->is_auto && budget__due_ns(&s->budget) < s->budget_due_ns)
		s->budget_due_ns = budget__due_ns(&s->budget);
}
