/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plays a recording into a model.
 */
#include "app/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "record/player.h"

#define KEY_BYTES 64
#define SLICE_NS (250 * NS_PER_MS) /* the pace at which the recorder reads the aggregates */

struct replay {
	struct player *player;
	struct model *model;
	struct own_rules own;
	stall_fn on_stall;
	void *ctx;
	uint64_t at_ns; /* of the newest input that was played */
	struct report_start start;
	struct report_target targets[LS_MAX_PROCS];
};

static int ignore_stall(void *ctx, const struct stall *stall)
{
	(void)ctx;
	(void)stall;
	return 0;
}

static int new_model(struct replay *r)
{
	const struct resolver resolver = player__resolver(r->player);

	int code = model__new(&r->model, &resolver, r->on_stall, r->ctx);

	if (code >= 0)
		model__set_own(r->model, &r->own);
	return code;
}

void replay__set_own(struct replay *r, const struct own_rules *rules)
{
	r->own = *rules;
	model__set_own(r->model, rules);
}

int replay__open(struct replay **ret_replay, const char *path, stall_fn on_stall, void *ctx,
		 struct err *err)
{
	_cleanup_(replay__freep) struct replay *r = calloc(1, sizeof(*r));
	int code;

	if (!r)
		return err__set(err, -ENOMEM, "out of memory");
	r->on_stall = on_stall ?: ignore_stall;
	r->ctx = ctx;
	code = player__open(&r->player, path, err);
	if (code < 0)
		return code;
	code = new_model(r);
	if (code < 0)
		return err__set(err, code, "cannot set up the model: %s", strerror(-code));
	*ret_replay = TAKE_PTR(r);
	return 0;
}

void replay__free(struct replay *r)
{
	if (!r)
		return;
	model__free(r->model);
	player__free(r->player);
	free(r);
}

const char *replay__mode(const struct replay *r)
{
	enum measure_mode mode = MEASURE_MODE_EXACT;

	measure_mode_parse(meta__get(player__meta(r->player), "mode") ?: "", &mode);
	return measure_mode_word(mode);
}

struct model *replay__model(const struct replay *r)
{
	return r->model;
}

static int rewind_replay(struct replay *r)
{
	int code;

	model__free(r->model);
	r->model = NULL;
	r->at_ns = 0;
	code = player__rewind(r->player);
	return code < 0 ? code : new_model(r);
}

int replay__to(struct replay *r, uint64_t at_ns)
{
	int code;

	if (at_ns < r->at_ns) {
		code = rewind_replay(r);
		if (code < 0)
			return code;
	}
	code = player__until(r->player, r->model, at_ns);
	if (code >= 0)
		r->at_ns = at_ns;
	return code < 0 ? code : 0;
}

int replay__to_end(struct replay *r)
{
	return replay__to(r, UINT64_MAX);
}

int replay__each_slice(struct replay *r, replay_slice_fn *fn, void *ctx)
{
	const struct snapshot *snapshot;
	uint64_t at_ns;
	int code;

	while ((code = player__peek(r->player, &at_ns)) > 0) {
		at_ns += SLICE_NS;
		code = replay__to(r, at_ns);
		if (code >= 0)
			code = model__snapshot(r->model, &snapshot);
		if (code >= 0)
			code = fn(ctx, snapshot, at_ns);
		if (code < 0)
			return code;
	}
	return code;
}

uint64_t replay__first_ns(const struct replay *r)
{
	return meta__u64(player__meta(r->player), "start_ns", player__first_ns(r->player));
}

uint64_t replay__last_ns(const struct replay *r)
{
	return player__last_ns(r->player);
}

const char *replay__damage(const struct replay *r)
{
	return player__damage(r->player);
}

bool replay__is_complete(const struct replay *r)
{
	return player__is_complete(r->player);
}

uint64_t replay__threshold_ns(const struct replay *r)
{
	return meta__u64(player__meta(r->player), "threshold_ns", 0);
}

static const char *target_value(const struct meta *meta, size_t number, const char *what)
{
	char key[KEY_BYTES];

	snprintf(key, sizeof(key), "target.%zu.%s", number, what);
	return meta__get(meta, key);
}

const struct report_start *replay__start(struct replay *r)
{
	const struct meta *meta = player__meta(r->player);
	size_t n;

	for (n = 0; n < LS_MAX_PROCS && target_value(meta, n, "pid"); n++)
		r->targets[n] = (struct report_target){
			.pid = (uint32_t)strtoul(target_value(meta, n, "pid"), NULL, 10),
			.comm = target_value(meta, n, "comm") ?: "?",
			.python = target_value(meta, n, "python") ?: "?",
			.words = runtime_words__find(target_value(meta, n, "runtime") ?: ""),
			.loop = target_value(meta, n, "loop"),
			.rung = target_value(meta, n, "rung") ?: "none",
			.container_pid = (uint32_t)strtoul(
				target_value(meta, n, "container_pid") ?: "0", NULL, 10),
			.cgroup = target_value(meta, n, "cgroup"),
			.parent = (uint32_t)strtoul(target_value(meta, n, "parent_pid") ?: "0",
						    NULL, 10),
		};
	r->start = (struct report_start){
		.version = meta__get(meta, "version") ?: "?",
		.threshold_ns = replay__threshold_ns(r),
		.sample_period_ns = meta__u64(meta, "sample_period_ns", 0),
		.transport = meta__get(meta, "transport") ?: "?",
		.n_targets = n,
		.targets = r->targets,
		.host = meta__get(meta, "host"),
		.kernel = meta__get(meta, "kernel"),
	};
	return &r->start;
}

static struct own_cost own_cost_of(const struct meta *meta)
{
	return (struct own_cost){
		.self_ns = meta__u64(meta, "own_cpu_ns", 0),
		.has_programs = meta__get(meta, "programs_ns") && meta__get(meta, "hits"),
		.programs_ns = meta__u64(meta, "programs_ns", 0),
		.hits = meta__u64(meta, "hits", 0),
		.has_traps = meta__get(meta, "traps_ns") != NULL,
		.traps_ns = meta__u64(meta, "traps_ns", 0),
		.ns_per_hit = meta__u64(meta, "ns_per_hit", 0),
		.program_ns_per_hit = meta__u64(meta, "program_ns_per_hit", 0),
	};
}

struct report_run replay__run(const struct replay *r)
{
	const struct meta *meta = player__meta(r->player);
	const uint64_t first_ns = replay__first_ns(r), last_ns = replay__last_ns(r);
	const uint64_t duration_ns = last_ns > first_ns ? last_ns - first_ns : 0;
	const uint64_t start_s = meta__u64(meta, "start_time", 0);

	return (struct report_run){
		.duration_ns = meta__u64(meta, "duration_ns", duration_ns),
		.own_cost = own_cost_of(meta),
		.own_rss_bytes = meta__u64(meta, "own_rss_bytes", 0),
		.bpf_run_ns = meta__u64(meta, "bpf_ns", 0),
		.no_steps_reason = meta__get(meta, "no_steps_reason"),
		.ended_ns = last_ns,
		.light_ns = meta__u64(meta, "light_ns", 0),
		.mode_switches = meta__u64(meta, "mode_switches", 0),
		.ended_unix_ns = start_s ? start_s * NS_PER_S + duration_ns : 0,
	};
}

uint64_t replay__clock_offset_ns(const struct replay *r)
{
	return meta__u64(player__meta(r->player), "clock_offset_ns", 0);
}

struct machine_use replay__machine(const struct replay *r)
{
	const struct meta *meta = player__meta(r->player);

	return (struct machine_use){
		.has_cpu = meta__get(meta, "stolen_ns") && meta__get(meta, "wanted_cpu_ns"),
		.stolen_ns = meta__u64(meta, "stolen_ns", 0),
		.wanted_ns = meta__u64(meta, "wanted_cpu_ns", 0),
		.has_pressure = meta__get(meta, "pressure_ns") != NULL,
		.pressure_ns = meta__u64(meta, "pressure_ns", 0),
	};
}

struct light replay__light(const struct replay *r)
{
	const struct report_run run = replay__run(r);
	enum measure_mode mode = MEASURE_MODE_EXACT;

	measure_mode_parse(replay__mode(r), &mode);
	/* What it was at one moment is not recorded. */
	return (struct light){
		.is_now = mode == MEASURE_MODE_LIGHT || run.light_ns > run.duration_ns / 2,
		.ns_per_hit = run.own_cost.ns_per_hit + run.own_cost.program_ns_per_hit,
	};
}

void replay__describe(struct replay *r, char *buf, size_t size)
{
	const struct report_start *start = replay__start(r);
	const struct report_target *t = &start->targets[0];
	size_t used;

	if (start->n_targets == 0) {
		snprintf(buf, size, "a recording of no process");
		return;
	}
	used = (size_t)snprintf(buf, size, "%s %u  %s %s, %s, %s (%s)", t->comm, t->pid,
				runtime_words__or_default(t->words)->title, t->python,
				t->loop ?: "no loop yet", replay__mode(r), t->rung);
	if (start->n_targets > 1 && used < size)
		snprintf(buf + used, size - used, "  +%zu more", start->n_targets - 1);
}
