/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a report says of the session itself: whom it measures, how long, at what cost.
 */
#include "app/session_impl.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/version.h"
#include "base/cleanup.h"
#include "base/time.h"

uint64_t session_own_rss_bytes(void)
{
	_cleanup_(file_close) FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (!f || fscanf(f, "%*u %lu", &pages) != 1)
		return 0;
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t timeval_ns(struct timeval tv)
{
	return (uint64_t)tv.tv_sec * 1000000000ULL + (uint64_t)tv.tv_usec * 1000;
}

uint64_t session_own_cpu_ns(void)
{
	struct rusage usage = {};

	getrusage(RUSAGE_SELF, &usage);
	return timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
}

struct own_cost session__own_cost(const struct session *s)
{
	const struct probe_cost *cost = &s->cost;

	return (struct own_cost){
		.self_ns = session_own_cpu_ns() - s->started_cpu_ns,
		.has_programs = true,
		.programs_ns = cost->programs_ns,
		.hits = cost->hits,
		.has_traps = cost->is_calibrated,
		.traps_ns = cost->traps_ns,
		.ns_per_hit = cost->hits ? cost->hit_traps_ns / cost->hits : 0,
		.program_ns_per_hit = cost->hits ? cost->hit_programs_ns / cost->hits : 0,
	};
}

int session__write_start(const struct session *s, struct report *report)
{
	_cleanup_free_ struct report_target *targets = calloc(s->n_watches + 1, sizeof(*targets));
	struct report_start start = {
		.version = LOOPSTALL_VERSION,
		.threshold_ns = s->threshold_ns,
		.sample_period_ns = probe__sample_period_ns(s->probe),
		.transport = probe__transport(s->probe),
		.targets = targets,
	};

	if (!targets)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_watches; i++) {
		const struct watch *w = s->watches[i];
		const struct target *t = w->target;

		if (!watch__is_shown(w))
			continue;
		targets[start.n_targets++] = (struct report_target){
			.pid = (uint32_t)w->pid,
			.comm = t		   ? t->comm :
				s->config->command ? s->config->command[0] :
						     "?",
			.python = t ? t->python : "?",
			.loop = watch__loop_word(w),
			.rung = target_rung_word(t ? t->rung : TARGET_RUNG_NONE),
			.container_pid = t && t->is_container ? (uint32_t)t->ns_pid : 0,
			.cgroup = t ? t->cgroup : NULL,
			.parent = (uint32_t)w->parent,
		};
	}
	return report__start(report, &start);
}

const char *session__silence(const struct session *s, const struct snapshot *snapshot)
{
	return snapshot->steps + snapshot->handles == 0 ? watch__silence_reason(s->watches[0]) : NULL;
}

int session__write_summary(const struct session *s, struct report *report,
			   const struct snapshot *snapshot)
{
	const uint64_t now_ns = session_now_ns();
	const struct report_run run = {
		.duration_ns = now_ns - s->started_ns,
		.own_cost = session__own_cost(s),
		.own_rss_bytes = session_own_rss_bytes(),
		.bpf_run_ns = probe__run_time_ns(s->probe),
		.light_ns = session__light_ns(s, now_ns),
		.mode_switches = s->n_switches,
		.no_steps_reason = session__silence(s, snapshot),
		.ended_ns = now_ns,
		.ended_unix_ns = time_now_ns(CLOCK_REALTIME),
	};

	return report__finish(report, snapshot, &run);
}

int session__judge(const struct session *s, const struct snapshot *snapshot)
{
	const struct session_end end = {
		.duration_ns = session_now_ns() - s->started_ns,
		.own_cost = session__own_cost(s),
		.machine = machine__since(&s->started_machine),
		.no_steps_reason = session__silence(s, snapshot),
	};

	return s->judge->on_end(s->judge->ctx, snapshot, &end);
}
