/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recording beside a session: what it says about itself, its beginning and its end.
 */
#include "app/session_impl.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "app/version.h"

/* Keys are listed in docs/recording.md. */
static int describe_session(const struct session *s, struct meta *meta)
{
	struct utsname host;
	char kernel[2 * sizeof(host.sysname)];
	int r;

	if (uname(&host) < 0)
		return -errno;
	snprintf(kernel, sizeof(kernel), "%s %s", host.sysname, host.release);
	r = meta__set(meta, "version", LOOPSTALL_VERSION);
	if (r >= 0)
		r = meta__set(meta, "mode", cli_mode_word(s->config->mode));
	if (r >= 0)
		r = meta__set(meta, "host", host.nodename);
	if (r >= 0)
		r = meta__set(meta, "kernel", kernel);
	if (r >= 0)
		r = meta__set_u64(meta, "threshold_ns", s->threshold_ns);
	if (r >= 0)
		r = meta__set_u64(meta, "start_ns", session_now_ns());
	return r < 0 ? r : meta__set_u64(meta, "start_time", (uint64_t)time(NULL));
}

int session__open_recording(struct session *s, const struct recorder_opts *opts,
			    struct resolver *resolver, struct err *err)
{
	struct meta meta = {};
	int r;

	r = describe_session(s, &meta);
	if (r < 0)
		err__set(err, r, "cannot describe the recording: %s", strerror(-r));
	else
		r = recorder__new(&s->feed.recorder, opts, &meta, resolver, err);
	meta__done(&meta);
	if (r >= 0)
		*resolver = recorder__resolver(s->feed.recorder);
	return r;
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
		r = note_target(s, number, "python", t->python);
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

int session__describe_recording(struct session *s)
{
	int r;

	if (!s->feed.recorder)
		return 0;
	r = recorder__note(s->feed.recorder, "transport", probe__transport(s->probe));
	if (r >= 0)
		r = note_u64(s, "sample_period_ns", probe__sample_period_ns(s->probe));
	for (size_t i = 0; r >= 0 && i < s->n_watches; i++) {
		struct watch *w = s->watches[i];

		if (!watch__is_shown(w))
			continue;
		/* It keeps the number it has in the file. */
		if (!w->number)
			w->number = ++s->n_numbered;
		r = describe_target(s, w, w->number - 1);
	}
	return r;
}

/* Why it holds no step, as a live report would say. */
static int note_silence(struct session *s)
{
	const struct snapshot *snapshot;
	const char *reason;
	int r = model__snapshot(s->model, &snapshot);

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

/* What is known only now; of the host, what a check of the recording has to know. */
static int describe_end(struct session *s)
{
	const struct machine_use use = machine__since(&s->started_machine);
	const struct own_cost cost = session__own_cost(s);
	const struct number numbers[] = {
		{ "duration_ns", s->feed.now_ns - s->started_ns, false },
		{ "own_cpu_ns", cost.self_ns, false },
		{ "programs_ns", cost.programs_ns, false },
		{ "hits", cost.hits, false },
		{ "program_ns_per_hit", cost.program_ns_per_hit, false },
		{ "traps_ns", cost.traps_ns, !cost.has_traps },
		{ "ns_per_hit", cost.ns_per_hit, !cost.has_traps },
		{ "light_ns", session__light_ns(s, s->feed.now_ns), false },
		{ "mode_switches", s->n_switches, false },
		{ "own_rss_bytes", session_own_rss_bytes(), false },
		{ "bpf_ns", probe__run_time_ns(s->probe), false },
		{ "stolen_ns", use.stolen_ns, !use.has_cpu },
		{ "wanted_cpu_ns", use.wanted_ns, !use.has_cpu },
		{ "pressure_ns", use.pressure_ns, !use.has_pressure },
	};

	return note_numbers(s, numbers, sizeof(numbers) / sizeof(numbers[0]));
}

int session__close_recording(struct session *s)
{
	int r;

	if (!s->feed.recorder || !s->probe)
		return 0;
	r = session__drain(s);
	if (r >= 0)
		r = session__read(s, s->feed.now_ns);
	if (r >= 0)
		r = session__describe_recording(s);
	if (r >= 0)
		r = note_silence(s);
	if (r >= 0)
		r = describe_end(s);
	return r < 0 ? r : recorder__close(s->feed.recorder);
}
