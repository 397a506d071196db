/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What keeps a session cheap and small however much happens: less is told of stalls when that costs too much, looks that are dear come
 * less often, and what is kept of threads and processes that have ended goes.
 */
#include "app/session_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "app/detail.h"
#include "base/cleanup.h"
#include "base/log.h"

/* What is told at most on the average, as long as it costs little. */
#define STALLS_PER_S 300
#define JUDGED_STALLS_PER_S 1500 /* what is not known is no verdict; and nothing is written of them */
#define SAMPLES_PER_S 4000
/* What took so much of our CPU time is not due again before this many times it: three per cent of a core. */
#define COST_FACTOR 33
#define MAX_PACE_NS (2 * SESSION_TICK_NS)

static void set_detail(struct session *s)
{
	const struct probe_detail detail = {
		.stalls_per_s = (s->judge ? JUDGED_STALLS_PER_S : STALLS_PER_S) >> s->detail.level,
		.samples_per_s = SAMPLES_PER_S >> s->detail.level,
	};

	probe__set_detail(s->probe, &detail);
}

void session__open_bounds(struct session *s)
{
	set_detail(s);
}

static void adjust_detail(struct session *s, uint64_t now_ns)
{
	const uint64_t cpu_ns = session_own_cpu_ns(), interval_ns = now_ns - s->detail.at_ns;
	unsigned int level;

	if (s->detail.at_ns && interval_ns < SESSION_TICK_NS)
		return;
	/* What came before the first look is paid once. */
	if (s->detail.at_ns) {
		level = detail_level(s->detail.level, cpu_ns - s->detail.cpu_ns, interval_ns);
		if (level != s->detail.level)
			log_debug("%.1f %% of a core: what is told is halved %u times", (cpu_ns - s->detail.cpu_ns) * 100.0 / interval_ns,
				  level);
		s->detail.level = level;
		set_detail(s);
	}
	s->detail.at_ns = now_ns;
	s->detail.cpu_ns = cpu_ns;
}

void session__on_thread_end(struct session *s, uint32_t pid, uint32_t tid)
{
	const size_t size = s->ended_size ? 2 * s->ended_size : 16;
	struct probe_thread *ended;

	if (s->n_ended == s->ended_size) {
		ended = s->n_ended < LS_MAX_THREADS ? reallocarray(s->ended, size, sizeof(*ended)) : NULL;
		/* Its readings stay where they are, which is no harm. */
		if (!ended)
			return;
		s->ended = ended;
		s->ended_size = size;
	}
	s->ended[s->n_ended++] = (struct probe_thread){ .pid = pid, .tid = tid };
}

void session__keep_bounds(struct session *s, uint64_t now_ns)
{
	/* All of them were drained before the read that has just been, so that one was their last. */
	if (s->n_ended && probe__forget_threads(s->probe, s->ended, s->n_ended) < 0)
		log_debug("the readings of some ended threads are not given back");
	s->n_ended = 0;
	adjust_detail(s, now_ns);
}

void session__on_process_end(struct session *s, struct watch *w)
{
	epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, w->pidfd, NULL);
	fd_close(&w->pidfd);
	symbols__forget(s->symbols, w->pid);
	free(w->tasks);
	w->tasks = NULL;
	w->tasks_size = 0;
	session__forget_dead(s);
}

int session__tell_shed(struct session *s, uint64_t now_ns)
{
	const struct report_shed shed = { .from_ns = s->told_ns, .until_ns = now_ns, .stalls = s->shed - s->shed_told };

	s->told_ns = now_ns;
	s->shed_told = s->shed;
	return shed.stalls ? report__shed(s->report, &shed) : 0;
}

uint64_t session_next_due_ns(uint64_t now_ns, uint64_t pace_ns, uint64_t cost_ns)
{
	const uint64_t longest_ns = pace_ns > MAX_PACE_NS ? pace_ns : MAX_PACE_NS;
	const uint64_t wanted_ns = COST_FACTOR * cost_ns;

	if (wanted_ns <= pace_ns)
		return now_ns + pace_ns;
	return now_ns + (wanted_ns < longest_ns ? wanted_ns : longest_ns);
}
