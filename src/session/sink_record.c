/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recording beside a measurement: how often it reads, and what it says about the session.
 */
#include "session/parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/array.h"
#include "base/log.h"
#include "base/time.h"
#include "record/format.h"
#include "runtime/runtime.h"

#define READ_PACE_NS (NS_PER_S / 4)
#define SPANS_PACE_NS (NS_PER_S / 20)
/* All other notes need less room than is left. */
#define NOTES_OF_TARGET 9
#define MAX_DESCRIBED ((FORMAT_MAX_NOTES - 96) / NOTES_OF_TARGET)

/* Keys are listed in docs/recording.md. */
static int describe_session(const struct session *s, struct meta *meta)
{
	struct utsname host;
	char kernel[2 * sizeof(host.sysname)];
	int r;

	if (uname(&host) < 0)
		return -errno;
	snprintf(kernel, sizeof(kernel), "%s %s", host.sysname, host.release);
	r = meta__set(meta, "version", s->opts.version);
	if (r >= 0)
		r = meta__set(meta, "mode", measure_mode_word(s->opts.mode));
	if (r >= 0)
		r = meta__set(meta, "host", host.nodename);
	if (r >= 0)
		r = meta__set(meta, "kernel", kernel);
	if (r >= 0)
		r = meta__set_u64(meta, "threshold_ns", s->opts.threshold_ns);
	if (r >= 0)
		r = meta__set_u64(meta, "start_ns", session__now_ns(s));
	if (r >= 0)
		r = meta__set_u64(meta, "clock_offset_ns", time_clock_offset_ns());
	return r < 0 ? r : meta__set_u64(meta, "start_time", (uint64_t)time(NULL));
}

static int note_u64(struct session *s, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return recorder__note(s->feed.recorder, key, text);
}

static int note_target(struct session *s, size_t number, const char *what, const char *value)
{
	char key[48];

	snprintf(key, sizeof(key), "target.%zu.%s", number, what);
	return value ? recorder__note(s->feed.recorder, key, value) : 0;
}

static int describe_target(struct session *s, const struct watch *w, size_t number)
{
	const struct target *t = w->target;
	char text[32];
	int r;

	snprintf(text, sizeof(text), "%d", (int)w->pid);
	r = note_target(s, number, "pid", text);
	if (r < 0 || !t)
		return r;
	snprintf(text, sizeof(text), "%d", (int)w->parent);
	r = w->parent ? note_target(s, number, "parent_pid", text) : 0;
	if (r >= 0)
		r = note_target(s, number, "runtime", target__words(t)->name);
	if (r >= 0)
		r = note_target(s, number, "python", t->version);
	if (r >= 0)
		r = note_target(s, number, "comm", t->comm);
	if (r >= 0)
		r = note_target(s, number, "rung", target_rung_word(t->rung));
	if (r >= 0)
		r = note_target(s, number, "cgroup", t->cgroup);
	snprintf(text, sizeof(text), "%d", (int)t->ns_pid);
	if (r >= 0 && t->is_container)
		r = note_target(s, number, "container_pid", text);
	return r < 0 ? r : note_target(s, number, "loop", watch__loop_word(w));
}

static void note_undescribed(struct session *s)
{
	const unsigned int max = MAX_DESCRIBED;

	if (s->record.has_undescribed)
		return;
	s->record.has_undescribed = true;
	session__note(s, LOG_GRADE_WARNING, 0,
		      "of the processes after the first %u the recording has no name and version",
		      max);
	log_warn("of the processes after the first %u the recording has no name and version", max);
}

int session__note_targets(struct session *s)
{
	struct watch *w;
	int r;

	r = recorder__note(s->feed.recorder, "transport", s->env->kernel->transport(s->probe));
	if (r >= 0)
		r = note_u64(s, "sample_period_ns", s->env->kernel->sample_period_ns(s->probe));
	WATCHES_EACH(&s->watches, WATCH_SHOWN, w)
	{
		if (r < 0)
			break;
		/* Its number in the file stays the same. */
		if (!w->number)
			w->number = ++s->record.n_numbered;
		if (w->number > MAX_DESCRIBED)
			note_undescribed(s);
		else
			r = describe_target(s, w, w->number - 1);
	}
	return r;
}

static int before_read(void *ctx)
{
	return session__note_targets(ctx);
}

static int read_if_due(struct session *s, uint64_t now_ns)
{
	const uint64_t before_ns = session__own_cpu_ns(s);
	int r;

	if (now_ns < s->record.read_due_ns)
		return 0;
	r = session__read(s, now_ns);
	if (r >= 0)
		r = session__read_tasks(s, now_ns);
	s->record.read_due_ns = session__next_due_ns(s, now_ns, READ_PACE_NS, before_ns);
	return r;
}

static int on_due(void *ctx, uint64_t now_ns)
{
	struct session *s = ctx;
	int r = read_if_due(s, now_ns);

	s->record.timer.due_ns = now_ns + SPANS_PACE_NS;
	return r < 0 ? r : session__read_spans(s, now_ns, s->opts.threshold_ns);
}

static int begin(void *ctx)
{
	struct session *s = ctx;

	s->record.timer = (struct timer){ .fn = on_due, .ctx = s };
	loop__add_timer(&s->loop, &s->record.timer);
	return 0;
}

/* A file may be full before the first read. */
static int process(void *ctx, const struct target *target)
{
	(void)target;
	return session__note_targets(ctx);
}

static const struct sink_ops ops = {
	.begin = begin,
	.process = process,
	.before_read = before_read,
};
/* Each copy of a ring gets the processes of its moment. */
static const struct sink_ops ring_ops = { .begin = begin };

int session__open_recording(struct session *s, struct resolver *resolver, struct err *err)
{
	struct meta meta = {};
	int r;

	r = describe_session(s, &meta);
	if (r < 0)
		err__set(err, r, "cannot describe the recording: %s", strerror(-r));
	else
		r = recorder__new(&s->feed.recorder, s->opts.record, &meta, resolver, err);
	meta__done(&meta);
	if (r < 0)
		return r;
	*resolver = recorder__resolver(s->feed.recorder);
	s->record.sink = (struct sink){ .ops = s->opts.record->ring_ns ? &ring_ops : &ops,
					.ctx = s,
					.paces_reads = true,
					.lists_stalls = true };
	session__add_sink(s, &s->record.sink);
	return 0;
}

/* Why it holds no step, as a live report would say. */
static int note_silence(struct session *s)
{
	const struct snapshot *snapshot;
	const char *reason;
	int r = model__snapshot(s->feed.model, &snapshot);

	if (r < 0)
		return r;
	reason = session__silence(s, snapshot);
	return reason ? recorder__note(s->feed.recorder, "no_steps_reason", reason) : 0;
}

/* A number at the end of the file. */
struct number {
	const char *key;
	uint64_t value;
	bool is_missing;
};

static int note_numbers(struct session *s, const struct number *numbers, size_t n)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++)
		if (!numbers[i].is_missing)
			r = note_u64(s, numbers[i].key, numbers[i].value);
	return r;
}

/* Facts that are known only at the end, and those about the host that a check needs. */
static int describe_end(struct session *s)
{
	const struct machine_use use = machine__since(&s->life.started_machine);
	const struct own_cost cost = session__own_cost(s);
	const struct number numbers[] = {
		{ "duration_ns", s->feed.now_ns - s->life.started_ns, false },
		{ "own_cpu_ns", cost.self_ns, false },
		{ "programs_ns", cost.programs_ns, false },
		{ "hits", cost.hits, false },
		{ "program_ns_per_hit", cost.program_ns_per_hit, false },
		{ "traps_ns", cost.traps_ns, !cost.has_traps },
		{ "ns_per_hit", cost.ns_per_hit, !cost.has_traps },
		{ "light_ns", session__light_ns(s, s->feed.now_ns), false },
		{ "mode_switches", s->mode.n_switches, false },
		{ "own_rss_bytes", session__own_rss_bytes(), false },
		{ "bpf_ns", s->env->kernel->run_time_ns(s->probe), false },
		{ "stolen_ns", use.stolen_ns, !use.has_cpu },
		{ "wanted_cpu_ns", use.wanted_ns, !use.has_cpu },
		{ "pressure_ns", use.pressure_ns, !use.has_pressure },
	};

	return note_numbers(s, numbers, N_OF(numbers));
}

int session__close_recording(struct session *s)
{
	int r;

	if (!s->feed.recorder || !s->probe)
		return 0;
	r = note_silence(s);
	if (r >= 0)
		r = describe_end(s);
	return r < 0 ? r : recorder__close(s->feed.recorder);
}

struct recorder *session__recorder(const struct session *s)
{
	return s->feed.recorder;
}
