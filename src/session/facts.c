/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a session says about itself: its targets, threshold, duration and cost, and why it saw
 * nothing.
 */
#include "session/parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/exit.h"
#include "base/log.h"
#include "base/time.h"
#include "report/format.h"
#include "runtime/runtime.h"

uint64_t session__started_ns(const struct session *s)
{
	return s->life.started_ns;
}

uint64_t session__threshold_ns(const struct session *s)
{
	return s->opts.threshold_ns;
}

const char *session__transport(const struct session *s)
{
	return s->env->kernel->transport(s->probe);
}

uint64_t session__own_rss_bytes(void)
{
	_cleanup_(file_close) FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (!f || fscanf(f, "%*u %lu", &pages) != 1)
		return 0;
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

struct own_cost session__own_cost(const struct session *s)
{
	const struct probe_cost *cost = &s->intake.cost;

	return (struct own_cost){
		.self_ns = session__own_cpu_ns(s) - s->life.started_cpu_ns,
		.has_programs = true,
		.programs_ns = cost->programs_ns,
		.hits = cost->hits,
		.has_traps = cost->is_calibrated,
		.traps_ns = cost->traps_ns,
		.ns_per_hit = cost->hits ? cost->hit_traps_ns / cost->hits : 0,
		.program_ns_per_hit = cost->hits ? cost->hit_programs_ns / cost->hits : 0,
	};
}

/* A command's name serves until its process is known. */
static const char *comm_of(const struct session *s, const struct watch *w)
{
	if (w->target)
		return w->target->comm;
	return s->opts.command ? s->opts.command : "?";
}

int session__write_start(const struct session *s, struct report *report)
{
	char kernel[2 * sizeof(struct utsname)];
	struct utsname host;
	_cleanup_free_ struct report_target *targets = calloc(s->watches.n + 1, sizeof(*targets));
	struct report_start start = {
		.version = s->opts.version,
		.threshold_ns = s->opts.threshold_ns,
		.sample_period_ns = s->env->kernel->sample_period_ns(s->probe),
		.transport = s->env->kernel->transport(s->probe),
		.targets = targets,
	};
	const struct watch *w;

	if (!targets)
		return -ENOMEM;
	if (uname(&host) == 0) {
		snprintf(kernel, sizeof(kernel), "%s %s", host.sysname, host.release);
		start.host = host.nodename;
		start.kernel = kernel;
	}
	WATCHES_EACH(&s->watches, WATCH_SHOWN, w)
	{
		const struct target *t = w->target;

		targets[start.n_targets++] = (struct report_target){
			.pid = (uint32_t)w->pid,
			.comm = comm_of(s, w),
			.python = t ? t->version : "?",
			.words = target__words(t),
			.loop = watch__loop_word(w),
			.rung = target_rung_word(t ? t->rung : TARGET_RUNG_NONE),
			.container_pid = t && t->is_container ? (uint32_t)t->ns_pid : 0,
			.cgroup = t ? t->cgroup : NULL,
			.parent = (uint32_t)w->parent,
		};
	}
	return report__start(report, &start);
}

const char *session__silence_of(const struct session *s, const struct watch *w)
{
	return watch__silence_reason(w, w->target && session__was_light_lately(s, w));
}

const char *session__silence(const struct session *s, const struct snapshot *snapshot)
{
	const struct watch *w = watches__first(&s->watches);

	if (snapshot->steps + snapshot->handles + snapshot->stalls > 0)
		return NULL;
	return w ? session__silence_of(s, w) : "no event loop runs on this machine";
}

struct report_run session__run_so_far(const struct session *s, const struct snapshot *snapshot)
{
	const uint64_t now_ns = session__now_ns(s);

	return (struct report_run){
		.duration_ns = now_ns - s->life.started_ns,
		.own_cost = session__own_cost(s),
		.own_rss_bytes = session__own_rss_bytes(),
		.bpf_run_ns = s->env->kernel->run_time_ns(s->probe),
		.light_ns = session__light_ns(s, now_ns),
		.mode_switches = s->mode.n_switches,
		.no_steps_reason = session__silence(s, snapshot),
		.ended_ns = now_ns,
		.ended_unix_ns = time_now_ns(CLOCK_REALTIME),
	};
}

int session__write_summary(const struct session *s, struct report *report,
			   const struct snapshot *snapshot)
{
	const struct report_run run = session__run_so_far(s, snapshot);

	return report__finish(report, snapshot, &run);
}

int session__each_process(const struct session *s,
			  int (*fn)(void *ctx, const struct session_process *process), void *ctx)
{
	const struct watch *w;
	int r = 0;

	WATCHES_EACH(&s->watches, WATCH_EXAMINED, w)
	{
		const struct session_process process = {
			.target = w->target,
			.loop = watch__loop_word(w),
			.loops = watch__loop_threads(w),
			.is_light = session__is_light(s, w),
			.tasks = w->tasks_alive,
		};

		r = fn(ctx, &process);
		if (r < 0)
			break;
	}
	return r < 0 ? r : 0;
}

bool session__is_watched(const struct session *s, pid_t pid)
{
	const struct watch *w = watches__find(&s->watches, pid);

	return w && !w->is_gone;
}

/* Chooses the first process that still runs, preferably one with a loop. */
static const struct watch *representative(const struct session *s, size_t *ret_n_shown)
{
	const struct watch *best = watches__first(&s->watches);
	const struct watch *w;

	*ret_n_shown = 0;
	WATCHES_EACH(&s->watches, WATCH_SHOWN, w)
	{
		(*ret_n_shown)++;
		if (!w->is_gone && (best->is_gone || (!best->n_loops && w->n_loops)))
			best = w;
	}
	return best;
}

void session__describe(const struct session *s, char *buf, size_t size)
{
	size_t n_shown, used;
	const struct watch *w = representative(s, &n_shown);
	const struct target *t = w->target;
	char cgroup[FORMAT_CGROUP_BYTES];

	used = (size_t)snprintf(buf, size, "%s %d", comm_of(s, w), w->pid);
	if (t && used < size)
		used += (size_t)snprintf(buf + used, size - used, "  %s %s, %s, %s (%s)",
					 target__words(w->target)->title, t->version,
					 watch__loop_word(w) ?: "no loop yet",
					 measure_mode_word(session__was_light_lately(s, w) ?
								   MEASURE_MODE_LIGHT :
								   MEASURE_MODE_EXACT),
					 target_rung_word(t->rung));
	if (t && t->is_container && used < size)
		used += (size_t)snprintf(buf + used, size - used, "  container %s (pid %d there)",
					 format__cgroup(t->cgroup, cgroup), t->ns_pid);
	if (n_shown > 1 && used < size)
		used += (size_t)snprintf(buf + used, size - used, "  +%zu more", n_shown - 1);
	if (w->is_gone && used < size)
		snprintf(buf + used, size - used, "  has ended");
}

static bool has_loop(const struct session *s)
{
	const struct watch *w;

	WATCHES_EACH(&s->watches, WATCH_ALL, w)
	if (w->n_loops > 0)
		return true;
	return false;
}

int session__verdict(const struct session *s)
{
	const struct watch *w = watches__first(&s->watches);
	const struct snapshot *snapshot;
	int r = model__snapshot(s->feed.model, &snapshot);

	if (r < 0)
		return r;
	if (snapshot->steps + snapshot->handles + snapshot->stalls > 0)
		return EXIT_FINE;
	if (!w) {
		log_error("no event loop runs on this machine");
		return EXIT_CANNOT_ATTACH;
	}
	if (!has_loop(s) && !w->loops_error) {
		log_error("no event loop was found in %d: %s", w->pid, session__silence_of(s, w));
		return EXIT_CANNOT_ATTACH;
	}
	if (snapshot->turns + snapshot->callbacks_ns + snapshot->idle_ns > 0)
		return EXIT_FINE;
	log_error("nothing was measured in %d: %s", w->pid, session__silence_of(s, w));
	return EXIT_INCONCLUSIVE;
}
