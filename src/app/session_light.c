/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that are watched by looks: no step says that a loop runs, so its threads are looked for.
 */
#include "app/session_impl.h"

#include <string.h>

#include "base/log.h"

/* A look for threads that took so much CPU time is not repeated before this many times it: one per cent of a core at most. */
#define COST_FACTOR 100
#define MIN_PACE_NS 100000000ULL
#define MAX_PACE_NS 1000000000ULL

static bool is_light(const struct session *s, const struct watch *w)
{
	return probe__is_light(s->probe) || w->target->proc.is_light;
}

const char *session__mode_word(const struct session *s, const struct watch *w)
{
	return cli_mode_word(is_light(s, w) ? CLI_MODE_LIGHT : CLI_MODE_EXACT);
}

uint64_t session__light_ns(const struct session *s, uint64_t now_ns)
{
	return s->light_ns + (probe__is_light(s->probe) ? now_ns - s->switched_ns : 0);
}

static void take_uprobes(struct session *s)
{
	for (size_t i = 0; i < s->n_watches; i++)
		probe__take_uprobes(s->probe, s->watches[i]->pid);
}

static int put_uprobes(struct session *s, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < s->n_watches; i++)
		if (!s->watches[i]->is_gone && s->watches[i]->target)
			r = probe__put_uprobes(s->probe, s->watches[i]->target, err);
	if (r < 0)
		take_uprobes(s);
	return r;
}

/* Looks begin before the uprobes go, and end when all of them sit. */
int session__switch(struct session *s, bool is_light, struct err *err)
{
	const uint64_t now_ns = session_now_ns();
	int r = 0;

	if (is_light == probe__is_light(s->probe))
		return 0;
	if (!is_light)
		r = put_uprobes(s, err);
	if (r < 0)
		return r;
	s->light_ns = session__light_ns(s, now_ns);
	s->switched_ns = now_ns;
	s->n_switches++;
	s->threads_due_ns = 0;
	probe__set_light(s->probe, is_light);
	if (is_light)
		take_uprobes(s);
	return 0;
}

static bool is_new(const struct watch *w, pid_t tid)
{
	return tid > 0 && !watch__is_made(w, tid);
}

/* Those that are new get going. */
static void make_threads(struct session *s, struct watch *w, const struct target_loop_thread *threads, int n)
{
	bool is_any = false;
	int r;

	for (int i = 0; i < n; i++)
		is_any |= is_new(w, threads[i].tid);
	r = is_any ? probe__make_threads(s->probe) : 0;
	if (r < 0)
		log_debug("%d: its loops are known from their next steps on: %s", w->pid, strerror(-r));
	for (int i = 0; i < n; i++) {
		if (!is_new(w, threads[i].tid))
			continue;
		probe_nudge_thread(threads[i].tid);
		watch__set_made(w, threads[i].tid, true);
	}
}

void session__show_threads(struct session *s, struct watch *w, const struct target_loop_thread *threads, int n)
{
	struct err err = {};

	if (n <= 0)
		return;
	/* With a loop there is asyncio, whatever it was when the process was examined. */
	if (!w->target->proc.current_tasks && !target__find_current_tasks(w->target) && w->target->proc.current_tasks &&
	    probe__attach(s->probe, w->target, &err) < 0)
		log_debug("%s", err.what);
	for (int i = 0; i < n; i++)
		if (threads[i].tid > 0 && probe__set_loop_thread(s->probe, w->pid, &threads[i]) < 0)
			log_debug("%d: no room for the loop of thread %d", w->pid, threads[i].tid);
	/* Where steps are seen, the first one does it. */
	if (is_light(s, w))
		make_threads(s, w, threads, n);
}

/* Whether there is any process that is watched by looks. */
static bool find_threads(struct session *s)
{
	bool is_any = false;

	for (size_t i = 0; i < s->n_watches; i++) {
		struct watch *w = s->watches[i];

		if (w->is_gone || !w->target || !is_light(s, w))
			continue;
		session__find_loops(s, w);
		is_any = true;
	}
	return is_any;
}

static uint64_t max_ns(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void session__poll_threads(struct session *s, uint64_t now_ns)
{
	/* A process may turn out to be such a one later. */
	uint64_t pace_ns = MAX_PACE_NS, before_ns;

	if (now_ns < s->threads_due_ns)
		return;
	before_ns = session_own_cpu_ns();
	if (find_threads(s)) {
		pace_ns = max_ns(watch_pace_ns(now_ns - s->started_ns), MIN_PACE_NS);
		pace_ns = max_ns(pace_ns < MAX_PACE_NS ? pace_ns : MAX_PACE_NS, COST_FACTOR * (session_own_cpu_ns() - before_ns));
	}
	s->threads_due_ns = now_ns + pace_ns;
}
