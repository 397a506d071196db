/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `loopstall check`: one session, or one recording, judged.
 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "app/check_opts.h"
#include "app/check_output.h"
#include "app/commands.h"
#include "app/duration.h"
#include "app/measure.h"
#include "base/exit.h"
#include "app/replay.h"
#include "app/say.h"
#include "session/session.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/time.h"
#include "check/baseline.h"
#include "check/checker.h"

/* A verdict needs more records than a reader does, and prints no line for each. */
#define STALLS_PER_S 1500

struct check {
	const struct config *config;
	struct check_limits limits;
	struct check_allow allow;
	struct baseline baseline, saved;
	char root[PATH_MAX];
	struct checker *checker;
};

static void check_done(struct check *c)
{
	checker__free(c->checker);
	check_limits__done(&c->limits);
	check_allow__done(&c->allow);
	baseline__done(&c->baseline);
	baseline__done(&c->saved);
}

/* Facts that neither the kernel nor the recording provides are marked as unknown, not as 0. */
static struct check_facts make_facts(const struct machine_use *use, uint64_t duration_ns)
{
	struct check_facts facts = {
		.duration_ns = duration_ns,
		.steal_share = NAN,
		.pressure_share = NAN,
	};

	if (use->has_cpu) {
		facts.stolen_ns = use->stolen_ns;
		facts.steal_share =
			use->wanted_ns ? (double)use->stolen_ns / (double)use->wanted_ns : 0;
	}
	if (use->has_pressure)
		facts.pressure_share =
			duration_ns ? (double)use->pressure_ns / (double)duration_ns : 0;
	return facts;
}

/* Only a run that passed is added to the baseline. */
static int save_baseline(struct check *c, const struct verdict *v)
{
	const char *path = c->config->check.save_baseline;
	struct err err = {};
	int r;

	if (!path)
		return 0;
	if (v->outcome != CHECK_PASS) {
		log_warn("not saved to the baseline %s: the run is not a good one", path);
		return 0;
	}
	baseline__add(&c->saved, checker__take_run(c->checker));
	r = baseline__write(&c->saved, path, &err);
	if (r < 0)
		log_error("%s", err.what);
	return r;
}

static int on_stall(void *ctx, const struct stall *stall)
{
	struct check *c = ctx;

	return checker__stall(c->checker, stall);
}

static int on_read(void *ctx, const struct snapshot *snapshot, uint64_t now_ns)
{
	struct check *c = ctx;

	return checker__slice(c->checker, snapshot, now_ns);
}

/* The exit code or -errno. A broken limit stays the exit code if an output cannot be written. */
static int finish(struct check *c, const struct snapshot *snapshot, const struct check_facts *facts)
{
	const struct verdict *v;
	bool is_shown;
	int r, saved;

	r = checker__finish(c->checker, snapshot, facts, &c->baseline, &v);
	if (r < 0)
		return r;
	r = check_output__write(c->config, v, &is_shown);
	saved = save_baseline(c, v);
	if ((r < 0 || saved < 0) && v->outcome != CHECK_FAIL)
		return EXIT_USAGE;
	if (!is_shown && v->outcome != CHECK_FAIL)
		return EXIT_INCONCLUSIVE;
	return check_outcome_code(v->outcome);
}

static int on_end(void *ctx, const struct snapshot *snapshot, const struct session_end *end)
{
	struct check_facts facts = make_facts(&end->machine, end->duration_ns);

	facts.no_steps_reason = end->no_steps_reason;
	facts.own_cost = end->own_cost;
	return finish(ctx, snapshot, &facts);
}

/* Checks the options before anything is measured. 0 or -errno with err filled. */
static int prepare(struct check *c, struct err *err)
{
	const struct check_config *config = &c->config->check;
	const struct check_opts opts = { .limits = &c->limits,
					 .allow = &c->allow,
					 .root = c->root };
	int r;

	r = check_opts__limits(c->config, &c->limits, err);
	if (r >= 0)
		r = check_opts__allow(c->config, &c->allow, err);
	if (r >= 0)
		r = check_opts__root(c->config, c->root, sizeof(c->root), err);
	if (r >= 0 && config->baseline)
		r = baseline__read(&c->baseline, config->baseline, err);
	if (r >= 0 && config->save_baseline) {
		r = baseline__read(&c->saved, config->save_baseline, err);
		r = r == -ENOENT ? 0 : r;
	}
	if (r < 0)
		return r;
	if (!check_limits__any(&c->limits) && !config->baseline && !config->save_baseline)
		log_warn("no limit is given: all that can fail is the measurement itself");
	r = checker__new(&c->checker, &opts);
	return r < 0 ? err__set(err, r, "out of memory") : 0;
}

static int measure(struct check *c, struct child *child, struct err *err)
{
	_cleanup_(session__freep) struct session *s = NULL;
	static const struct sink_ops ops = { .stall = on_stall, .read = on_read, .end = on_end };
	struct sink judge = {
		.ops = &ops, .ctx = c, .needs_every_step = true, .stalls_per_s = STALLS_PER_S
	};
	struct config config = *c->config;
	int r;

	config.threshold_ns = check_limits__threshold_ns(&c->limits);
	r = measure_new(&s, &config, config.command ? child : NULL, NULL, err);
	if (r < 0)
		return r;
	session__add_sink(s, &judge);
	r = session__add_targets(s, err);
	if (r >= 0)
		r = session__run(s, err);
	/* What the verdict holds of the model goes with it. */
	checker__free(TAKE_PTR(c->checker));
	return r;
}

/* "10ms", as an option takes it. */
static void format_option(uint64_t ns, char *buf, size_t size)
{
	char *blank;

	duration_format(ns, buf, size);
	blank = strchr(buf, ' ');
	if (blank)
		memmove(blank, blank + 1, strlen(blank));
}

/* A recording cannot be judged by a limit below its own threshold. 0 or -EINVAL with err filled. */
static int compare_thresholds(const struct check *c, const struct replay *replay, struct err *err)
{
	const uint64_t recorded_ns = replay__threshold_ns(replay);
	const uint64_t asked_ns = c->limits.threshold_ns;
	const uint64_t needed_ns = check_limits__threshold_ns(&c->limits);
	const char *path = c->config->files[0];
	char recorded[32], needed[32];

	if (!recorded_ns)
		return err__set(err, -EINVAL, "%s does not say what its threshold was", path);
	if (needed_ns >= recorded_ns)
		return 0;
	format_option(recorded_ns, recorded, sizeof(recorded));
	format_option(needed_ns, needed, sizeof(needed));
	if (needed_ns == asked_ns)
		return err__set(err, -EINVAL,
				"%s has no stalls below its threshold of %s, and what takes %s is "
				"to be judged: give --threshold %s, or record with --threshold %s",
				path, recorded, needed, recorded, needed);
	return err__set(err, -EINVAL,
			"%s has no stalls below its threshold of %s, so a limit of %s cannot be "
			"judged: record with --threshold %s",
			path, recorded, needed, needed);
}

static int judge_slice(void *ctx, const struct snapshot *snapshot, uint64_t at_ns)
{
	const struct check *c = ctx;

	return checker__slice(c->checker, snapshot, at_ns);
}

static int judge_replay(struct check *c, struct replay *replay)
{
	const struct snapshot *snapshot;
	struct check_facts facts;
	struct machine_use use;
	struct report_run run;
	int r = replay__each_slice(replay, judge_slice, c);

	if (r >= 0)
		r = model__snapshot(replay__model(replay), &snapshot);
	if (r < 0)
		return r;
	use = replay__machine(replay);
	run = replay__run(replay);
	facts = make_facts(&use, run.duration_ns);
	facts.no_steps_reason = run.no_steps_reason;
	facts.own_cost = run.own_cost;
	facts.is_host_unknown = !use.has_cpu;
	facts.damage = replay__damage(replay);
	if (!facts.damage && !replay__is_complete(replay))
		facts.damage = "it has no end mark: its recorder was killed or still runs";
	return finish(c, snapshot, &facts);
}

static int check_recording(struct check *c)
{
	const struct own_rules own = cli_own_rules(c->config);
	_cleanup_(replay__freep) struct replay *replay = NULL;
	struct err err = {};
	int r;

	r = replay__open(&replay, c->config->files[0], on_stall, c, &err);
	if (r >= 0) {
		replay__set_own(replay, &own);
		r = compare_thresholds(c, replay, &err);
	}
	if (r >= 0)
		r = judge_replay(c, replay);
	/* What the verdict holds of the model goes with it. */
	checker__free(TAKE_PTR(c->checker));
	if (r >= 0)
		return r;
	return say_error(EXIT_USAGE, r, &err);
}

static int check_live(struct check *c)
{
	_cleanup_(child__done) struct child child = CHILD_INIT;
	struct err err = {};
	int r;

	if (c->config->command) {
		r = child__start(&child, c->config->command, &err);
		if (r < 0)
			return say_failure(r, &err);
	}
	r = measure(c, &child, &err);
	return measure_exit_code(r, &child, &err);
}

static int run(const struct config *config)
{
	_cleanup_(check_done) struct check c = { .config = config };
	struct err err = {};

	if (config->mode == MEASURE_MODE_LIGHT) {
		log_error("a check judges every step: --mode light does not see them");
		return EXIT_USAGE;
	}
	if (prepare(&c, &err) < 0) {
		log_error("%s", err.what);
		return EXIT_USAGE;
	}
	return config->n_files ? check_recording(&c) : check_live(&c);
}

const struct cli_command cmd_check = {
	.name = "check",
	.usage = "-p PID[,PID...] | -n NAME | -- COMMAND [ARG...] | FILE",
	.summary = "Holds the event loop to limits and to a baseline, for CI",
	.details =
		"FILE is a recording. Judges the program's own time: waiting for a free CPU does "
		"not count. Exits\n"
		"with 0 (fine), 1 (a limit is exceeded), 4 (inconclusive: the host starved the "
		"run, or too few\n"
		"steps were seen) or 5 (the command failed). Options may be in loopstall.ini in "
		"the working\n"
		"directory, section [check].",
	.options = check_options,
	.measures = true,
	.needs_target = true,
	.max_files = 1,
	.operands = CLI_VALUES_FILE,
	.takes_command = true,
	.has_own_file = true,
	.run = run,
};
