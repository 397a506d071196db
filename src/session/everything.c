/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session without named targets watches every event loop of the machine. Programs that start are
 * events of the kernel side; a search through /proc finds those that load a runtime later.
 */
#include "session/parts.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "session/pacer.h"

/* From an exec to the look at what the program has mapped: libraries are loaded by then. */
#define STARTED_NS (50 * NS_PER_MS)
#define SEARCH_NS (30 * NS_PER_S)
/* A search takes at most 0.2 % of a core. */
#define COST_FACTOR 500

/* It may never run a loop: nothing is said of it until then. */
static int watch_one(struct session *s, pid_t pid)
{
	struct err err = {};
	struct watch *w;
	int r = session__watch(s, pid, 0, &w, &err);

	if (r < 0) {
		log_debug("%d is not watched: %s", pid, err.what);
		if (r == -E2BIG)
			session__count_unexamined(s, UINT64_MAX, true);
		return r;
	}
	w->is_unconfirmed = true;
	if (s->probe && s->env->kernel->follow(s->probe, pid) < 0)
		log_debug("%d is not followed", pid);
	return 0;
}

int session__watch_everything(struct session *s)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0;
	int r = s->env->process->find_all(&pids, &n);

	for (size_t i = 0; r >= 0 && i < n; i++)
		if (!session__is_watched(s, pids[i]) && watch_one(s, pids[i]) == -E2BIG)
			break;
	return r;
}

void session__on_program_start(struct session *s, pid_t pid)
{
	struct everything *e = &s->everything;
	const struct newborn new = { .pid = pid, .due_ns = session__now_ns(s) + STARTED_NS };

	if (!s->opts.is_everything)
		return;
	/* Without room, the next search finds it. */
	if (newborns__add(&e->started, &new) && new.due_ns < e->look.due_ns)
		e->look.due_ns = new.due_ns;
}

static int look_at_started(void *ctx, uint64_t now_ns)
{
	struct session *s = ctx;
	struct everything *e = &s->everything;
	struct newborn new;

	while (newborns__take_due(&e->started, now_ns, &new))
		if (!session__is_watched(s, new.pid) && s->env->process->has_traces(new.pid) > 0)
			watch_one(s, new.pid);
	e->look.due_ns = newborns__due_ns(&e->started);
	return 0;
}

static int search(void *ctx, uint64_t now_ns)
{
	const struct pacer pacer = { .pace_ns = SEARCH_NS, .cost_factor = COST_FACTOR };
	struct session *s = ctx;
	const uint64_t before_ns = session__own_cpu_ns(s);
	int r = session__watch_everything(s);

	if (r < 0)
		log_debug("processes cannot be listed: %s", strerror(-r));
	s->everything.search.due_ns =
		pacer__next_ns(&pacer, now_ns, session__own_cpu_ns(s) - before_ns);
	return 0;
}

void session__init_everything(struct session *s)
{
	struct everything *e = &s->everything;

	if (!s->opts.is_everything)
		return;
	e->look = (struct timer){ .due_ns = newborns__due_ns(&e->started),
				  .fn = look_at_started,
				  .ctx = s };
	e->search =
		(struct timer){ .due_ns = s->life.started_ns + SEARCH_NS, .fn = search, .ctx = s };
	loop__add_timer(&s->loop, &e->look);
	loop__add_timer(&s->loop, &e->search);
}
