/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel side sets up its timers in a program that runs when a process of ours makes a thread: that is a place where it may ask for memory.
 */
#include "probe/clock.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define NUDGE_AFTER_NS 1000000

/* Of /proc/TID/stat, counted from the one behind the name. */
enum { STATE = 1, PROCESSOR = 37, RT_PRIORITY = 38 };

static void *do_nothing(void *ctx)
{
	return ctx;
}

static int make_a_thread(void)
{
	pthread_t thread;
	int code = pthread_create(&thread, NULL, do_nothing, NULL);

	if (!code)
		code = pthread_join(thread, NULL);
	return -code;
}

int clock__set_up(const struct clock *c)
{
	int code;

	c->settings->setup_tgid = (uint32_t)getpid();
	code = make_a_thread();
	c->settings->setup_tgid = 0;
	if (code < 0)
		return code;
	return *c->n_clocks ? 0 : -ENOTSUP;
}

int clock__begin_trial(struct clock *c)
{
	int code;

	c->settings->is_trial = 1;
	c->settings->setup_tgid = (uint32_t)getpid();
	code = make_a_thread();
	/* What interrupted the making of the thread is not asked for. */
	c->ticks_before = *c->trial_ticks;
	if (code < 0)
		clock__end_trial(c);
	return code;
}

uint64_t clock__end_trial(struct clock *c)
{
	c->settings->is_trial = 0;
	c->settings->setup_tgid = 0;
	return *c->trial_ticks - c->ticks_before;
}

/* The CPU that a thread is on. -ESRCH if it is on none, -EBUSY if nobody gets that CPU from it, or another -errno. */
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
	if (sched_getaffinity(0, sizeof(before), &before) || sched_setaffinity(0, sizeof(there), &there) ||
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

	/* Where no thread can be had, the next switch does it. */
	if (!pthread_create(&thread, NULL, nudge, (void *)(intptr_t)tid))
		pthread_detach(thread);
}
