/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel_side PID THRESHOLD_NS [perf]: drives src/probe by hand, to test what no command line
 * reaches. With "perf" the kernel is taken for one without uprobe_multi. Says "ready", does what it
 * is told in lines until its stdin closes:
 *
 *   threshold NS    sets the threshold
 *   tasks 0|1       counts tasks one by one or not
 *   dump            says all aggregates
 *
 * Each is answered with a JSON line; stalls and named victims are lines of their own as they come.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "probe/probe.h"
#include "probe/uprobes.h"
#include "stream/event.h"
#include "process/target.h"

#define PAUSE_MS 20

struct driver {
	struct target *target;
	struct probe *probe;
};

static bool is_perf_only;

/* The linker puts it in front of the real one. */
int __real_uprobes__try_multi(void);
int __wrap_uprobes__try_multi(void);

int __wrap_uprobes__try_multi(void)
{
	return is_perf_only ? -EOPNOTSUPP : __real_uprobes__try_multi();
}

static void driver__done(struct driver *d)
{
	probe__free(d->probe);
	target__free(d->target);
}

static int fail(const char *what, int code)
{
	fprintf(stderr, "kernel_side: %s: %s\n", what, strerror(-code));
	return code;
}

static void on_loop(struct driver *d, const struct ls_rec_thread *thread)
{
	const struct loop_kind *kind;
	struct ls_loop loop = {};
	int code;

	code = target__resolve_loop(d->target, thread->loop, &loop, &kind);
	if (!code)
		code = probe__set_loop(d->probe, d->target->pid, thread->loop, &loop);
	if (code)
		fail("cannot follow a loop", code);
	probe_nudge_thread((pid_t)thread->hdr.tid);
}

static int on_event(void *ctx, const struct event *event)
{
	switch (event->kind) {
	case LS_REC_THREAD:
		on_loop(ctx, event->thread);
		break;
	case LS_REC_VICTIM:
		printf("{\"event\": \"victim\", \"task\": %" PRIu64 ", \"code\": %" PRIu64
		       ", \"qualname\": %" PRIu64 ", \"starved_ns\": %" PRIu64 "}\n",
		       (uint64_t)event->victim->task, (uint64_t)event->victim->code,
		       (uint64_t)event->victim->qualname, (uint64_t)event->victim->starved_ns);
		break;
	case LS_REC_STALL:
		printf("{\"event\": \"stall\", \"unit\": %u, \"task\": %" PRIu64
		       ", \"duration_ns\": %" PRIu64 ", \"starved_ns\": %" PRIu64
		       ", \"victims\": %u, \"samples\": %u, \"flags\": %u}\n",
		       event->stall->unit, (uint64_t)event->stall->task,
		       (uint64_t)event->stall->duration_ns, (uint64_t)event->stall->starved_ns,
		       event->stall->victims, event->stall->samples, event->stall->flags);
		break;
	default:
		break;
	}
	return 0;
}

static int say_thread(void *ctx, uint32_t pid, uint32_t tid, const struct ls_thread_stats *stats)
{
	const char **comma = ctx;

	(void)pid;
	printf("%s{\"tid\": %u, \"steps\": %" PRIu64 ", \"step_ns\": %" PRIu64
	       ", \"callbacks_ns\": %" PRIu64 ", \"turns\": %" PRIu64
	       ", \"worst_turn_ns\": %" PRIu64 ", \"causes_ns\": [0",
	       *comma, tid, (uint64_t)stats->steps, (uint64_t)stats->step_ns,
	       (uint64_t)stats->callbacks_ns, (uint64_t)stats->turns,
	       (uint64_t)stats->worst_turn_ns);
	for (int i = 1; i < LS_CAUSE_MAX; i++)
		printf(", %" PRIu64, (uint64_t)stats->cause_ns[i]);
	printf("], \"turn_hist\": [");
	for (unsigned int i = 0; i < LS_HIST_BUCKETS; i++)
		printf("%s[%" PRIu64 ", %u]", i ? ", " : "", (uint64_t)ls_hist_floor_ns(i),
		       stats->turn_hist[i]);
	printf("]}");
	*comma = ", ";
	return 0;
}

static int say_coroutine(void *ctx, const struct ls_coro_key *key,
			 const struct ls_coro_stats *stats)
{
	const char **comma = ctx;

	printf("%s{\"code\": %" PRIu64 ", \"qualname\": %" PRIu64 ", \"steps\": %" PRIu64
	       ", \"stalls\": %" PRIu64 ", \"starved_ns\": %" PRIu64 ", \"suffered_ns\": %" PRIu64
	       ", \"suffered\": %" PRIu64 "}",
	       *comma, (uint64_t)key->code, (uint64_t)stats->qualname, (uint64_t)stats->steps,
	       (uint64_t)stats->stalls, (uint64_t)stats->starved_ns, (uint64_t)stats->suffered_ns,
	       (uint64_t)stats->suffered);
	*comma = ", ";
	return 0;
}

static int say_task(void *ctx, const struct ls_task_key *key, const struct ls_task_stats *stats)
{
	const char **comma = ctx;

	printf("%s{\"task\": %" PRIu64 ", \"tid\": %u, \"steps\": %" PRIu64
	       ", \"total_ns\": %" PRIu64 ", \"max_ns\": %" PRIu64 ", \"stalls\": %" PRIu64
	       ", \"last_end_ns\": %" PRIu64 "}",
	       *comma, (uint64_t)key->task, key->tid, (uint64_t)stats->steps,
	       (uint64_t)stats->total_ns, (uint64_t)stats->max_ns, (uint64_t)stats->stalls,
	       (uint64_t)stats->last_end_ns);
	*comma = ", ";
	return 0;
}

static int count_task(void *ctx, const struct ls_task_key *key, const struct ls_task_stats *stats)
{
	(void)key;
	*(uint64_t *)ctx += stats->steps;
	return 0;
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int say_all(struct driver *d)
{
	uint64_t losses[LS_LOSS_MAX], steps = 0, start_ns;
	const char *comma = "";
	int code;

	printf("{\"event\": \"dump\", \"transport\": \"%s\", \"sample_period_ns\": %" PRIu64
	       ", \"bpf_ns\": %" PRIu64 ", \"threads\": [",
	       probe__transport(d->probe), probe__sample_period_ns(d->probe),
	       probe__run_time_ns(d->probe));
	code = probe__each_thread(d->probe, say_thread, &comma);
	printf("], \"coroutines\": [");
	comma = "";
	if (!code)
		code = probe__each_coroutine(d->probe, say_coroutine, &comma);
	printf("], \"tasks\": [");
	comma = "";
	if (!code)
		code = probe__each_task(d->probe, say_task, &comma);
	start_ns = cpu_ns();
	if (!code)
		code = probe__each_task(d->probe, count_task, &steps);
	printf("], \"tasks_cpu_ns\": %" PRIu64 ", \"lost\": {", cpu_ns() - start_ns);
	if (!code)
		code = probe__losses(d->probe, losses);
	comma = "";
#define _(name, json, ...)                                                                         \
	if (!code && losses[LS_LOSS_##name]) {                                                     \
		printf("%s\"" json "\": %" PRIu64, comma, losses[LS_LOSS_##name]);                 \
		comma = ", ";                                                                      \
	}
	LS_LOSSES(_)
#undef _
	printf("}}\n");
	return code;
}

static int obey(struct driver *d, const char *line)
{
	uint64_t number;
	int code;

	/* What happened before the order is told before its answer. */
	code = probe__drain(d->probe, on_event, d);
	if (code < 0)
		return code;
	if (sscanf(line, "threshold %" SCNu64, &number) == 1)
		code = probe__set_threshold(d->probe, number);
	else if (sscanf(line, "tasks %" SCNu64, &number) == 1)
		code = probe__count_tasks(d->probe, number);
	else
		return say_all(d);
	printf("{\"event\": \"done\", \"code\": %d}\n", code);
	return 0;
}

static int attach(struct driver *d, pid_t pid, uint64_t threshold_ns)
{
	const struct probe_opts opts = { .threshold_ns = threshold_ns };
	struct err err = {};
	int code;

	code = target__examine(&d->target, pid, NULL, &err);
	if (!code)
		code = probe__new(&d->probe, &opts, &err);
	if (!code)
		code = probe__attach(d->probe, d->target, &err);
	return code ? fail(err.what, code) : 0;
}

static int run(pid_t pid, uint64_t threshold_ns)
{
	_cleanup_(driver__done) struct driver d = {};
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char line[64];
	ssize_t n;
	int code;

	code = attach(&d, pid, threshold_ns);
	if (code)
		return code;
	printf("{\"event\": \"ready\"}\n");
	while (code >= 0) {
		fflush(stdout);
		if (poll(&in, 1, PAUSE_MS) > 0) {
			/* One order at a time: the next comes when this one is answered. */
			n = read(STDIN_FILENO, line, sizeof(line) - 1);
			if (n <= 0)
				return 0;
			line[n] = '\0';
			code = obey(&d, line);
		} else {
			code = probe__drain(d.probe, on_event, &d);
		}
	}
	return fail("the kernel side", code);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: kernel_side PID THRESHOLD_NS [perf]\n", stderr);
		return 2;
	}
	is_perf_only = argc > 3 && !strcmp(argv[3], "perf");
	return run(atoi(argv[1]), strtoull(argv[2], NULL, 10)) ? 1 : 0;
}
