/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets up the kernel side's timers. The kernel allocates a timer from memory that is free at once,
 * and answers -ENOMEM if there is none at that moment, so it is asked again.
 */
#include "probe/tick_clock.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"

#define ROUNDS 100
#define PAUSE_NS (2 * NS_PER_MS)
#define NUDGE_AFTER_NS NS_PER_MS

/* Of /proc/TID/stat, counted from the one behind the name. */
enum { STATE = 1, PROCESSOR = 37, RT_PRIORITY = 38 };

/* The number of clocks that the visit could not do anything for, or -errno of the visit itself. */
static int visit(struct tick_clock *c)
{
	int r;

	c->status->n_missing = 0;
	r = c->visit(c->visit_ctx);
	return r < 0 ? r : (int)c->status->n_missing;
}

/* The kernel side leaves a clock alone that is set up. */
void tick_clock__complete(struct tick_clock *c)
{
	if (!c->is_incomplete)
		return;
	c->is_incomplete = visit(c) != 0;
}

int tick_clock__set_up(struct tick_clock *c)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	int r = visit(c);

	for (int i = 1; r > 0 && i < ROUNDS; i++) {
		nanosleep(&pause, NULL);
		r = visit(c);
	}
	if (r < 0)
		return r;
	c->is_incomplete = r > 0;
	return r < (int)c->n_clocks ? 0 : c->status->err;
}

int tick_clock__begin_trial(struct tick_clock *c)
{
	int r;

	c->settings->trial_tgid = (uint32_t)getpid();
	c->settings->is_trial = 1;
	r = visit(c);
	/* What interrupted the visit itself does not count. */
	c->ticks_before = *c->trial_ticks;
	if (!r)
		return 0;
	tick_clock__end_trial(c);
	return r < 0 ? r : c->status->err;
}

uint64_t tick_clock__end_trial(struct tick_clock *c)
{
	c->settings->is_trial = 0;
	c->settings->trial_tgid = 0;
	return *c->trial_ticks - c->ticks_before;
}

/*
 * The CPU that a thread is on. -ESRCH if it is on none, -EBUSY if it has a real-time priority and
 * does not give way, or another -errno.
 */
static int cpu_of(pid_t tid)
{
	char path[32], line[1024], *fields[RT_PRIORITY + 1] = { NULL }, *rest;
	_cleanup_(file_close) FILE *file = NULL;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	rest = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	for (size_t i = 0; rest && i <= RT_PRIORITY; i++)
		fields[i] = strsep(&rest, " ");
	if (!fields[RT_PRIORITY])
		return -EINVAL;
	if (*fields[STATE] != 'R')
		return -ESRCH;
	return atoi(fields[RT_PRIORITY]) ? -EBUSY : atoi(fields[PROCESSOR]);
}

int clock_nudge(pid_t tid)
{
	cpu_set_t before, there;
	const int cpu = cpu_of(tid);

	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return cpu < 0 ? cpu : -ERANGE;
	CPU_ZERO(&there);
	CPU_SET((size_t)cpu, &there);
	/* We are there when the first call returns. */
	if (sched_getaffinity(0, sizeof(before), &before) ||
	    sched_setaffinity(0, sizeof(there), &there) ||
	    sched_setaffinity(0, sizeof(before), &before))
		return -errno;
	return 0;
}

static void *nudge(void *ctx)
{
	const struct timespec moment = { .tv_nsec = NUDGE_AFTER_NS };

	nanosleep(&moment, NULL);
	clock_nudge((pid_t)(intptr_t)ctx);
	return NULL;
}

void clock_nudge_aside(pid_t tid)
{
	pthread_t thread;

	/* Without a thread, the next switch starts the clock. */
	if (!pthread_create(&thread, NULL, nudge, (void *)(intptr_t)tid))
		pthread_detach(thread);
}
