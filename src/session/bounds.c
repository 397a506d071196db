/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps the cost of a session bounded: lowers the rate limits of stalls and samples when they cost
 * too much, and frees what is known of ended threads and processes.
 */
#include "session/parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "session/detail.h"

/* Default rate limits. */
#define STALLS_PER_S 300
#define SAMPLES_PER_S 4000
#define COPIES_PER_S 60

static void set_detail(struct session *s)
{
	const struct probe_detail detail = {
		.stalls_per_s = s->bounds.stalls_per_s >> s->bounds.level,
		.samples_per_s = SAMPLES_PER_S >> s->bounds.level,
		.copies_per_s = s->opts.no_native ? 0 : COPIES_PER_S >> s->bounds.level,
	};

	s->env->kernel->set_detail(s->probe, &detail);
}

void session__init_bounds(struct session *s, unsigned int stalls_per_s)
{
	s->bounds.stalls_per_s = stalls_per_s ? stalls_per_s : STALLS_PER_S;
	set_detail(s);
}

static void adjust_detail(struct session *s, uint64_t now_ns)
{
	struct bounds *b = &s->bounds;
	const uint64_t cpu_ns = session__own_cpu_ns(s), interval_ns = now_ns - b->at_ns;
	unsigned int level;

	if (b->at_ns && interval_ns < SESSION_TICK_NS)
		return;
	/* Set-up is not part of the running cost. */
	if (b->at_ns) {
		level = detail_level(b->level, cpu_ns - b->cpu_ns, interval_ns);
		if (level != b->level)
			log_debug("%.1f %% of a core: the level of detail is halved %u times",
				  (cpu_ns - b->cpu_ns) * 100.0 / interval_ns, level);
		b->level = level;
		set_detail(s);
	}
	b->at_ns = now_ns;
	b->cpu_ns = cpu_ns;
}

void session__on_thread_end(struct session *s, uint32_t pid, uint32_t tid)
{
	struct bounds *b = &s->bounds;

	/* If the list is full, the kernel side keeps the readings, which is harmless. */
	if (b->n_ended >= LS_MAX_THREADS || ARRAY_RESERVE(b->ended, b->size, b->n_ended + 1) < 0)
		return;
	b->ended[b->n_ended++] = (struct probe_thread){ .pid = pid, .tid = tid };
}

void session__adjust_bounds(struct session *s, uint64_t now_ns)
{
	struct bounds *b = &s->bounds;

	/* They ended before the last read, so nothing is lost. */
	if (b->n_ended && s->env->kernel->forget_threads(s->probe, b->ended, b->n_ended) < 0)
		log_debug("the readings of some ended threads are not given back");
	b->n_ended = 0;
	adjust_detail(s, now_ns);
}

void session__on_process_end(struct session *s, struct watch *w)
{
	loop__remove_fd(&s->loop, &w->end);
	fd_close(&w->end.fd);
	s->env->symbol->forget(s->symbols, w->pid);
	target_tasks__done(&w->tasks);
	lives__done(&w->lives);
	watches__limit_dead(&s->watches);
}
