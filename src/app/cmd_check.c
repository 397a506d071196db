/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `loopstall check`: one session, judged.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "app/check_opts.h"
#include "app/commands.h"
#include "app/exit.h"
#include "app/say.h"
#include "app/session.h"
#include "app/version.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "check/checker.h"
#include "check/report.h"

struct check {
	const struct config *config;
	struct check_limits limits;
	struct check_allow allow;
	struct baseline baseline, saved;
	char root[PATH_MAX];
	struct checker *checker;
	uint64_t stolen_ticks, all_ticks, pressure_us; /* of the machine, at the beginning */
};

static void check_done(struct check *c)
{
	checker__free(c->checker);
	check_limits__done(&c->limits);
	check_allow__done(&c->allow);
	baseline__done(&c->baseline);
	baseline__done(&c->saved);
}

/* The machine's CPU time, and what the hypervisor took of it: the first line of /proc/stat. */
static void read_ticks(uint64_t *ret_stolen, uint64_t *ret_all)
{
	_cleanup_(file_close) FILE *in = fopen("/proc/stat", "re");
	unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;

	*ret_stolen = *ret_all = 0;
	if (!in ||
	    fscanf(in, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle,
		   &iowait, &irq, &softirq, &steal) != 8)
		return;
	*ret_stolen = steal;
	/* Idle time cannot be stolen: the share is that of the time somebody wanted. */
	*ret_all = user + nice + system + irq + softirq + steal;
}

/* How long some thread of the machine was without a CPU, since it was started. 0 if the kernel does not keep count. */
static uint64_t read_pressure_us(void)
{
	_cleanup_(file_close) FILE *in = fopen("/proc/pressure/cpu", "re");
	unsigned long long total;

	return in && fscanf(in, "some avg10=%*s avg60=%*s avg300=%*s total=%llu", &total) == 1 ?
		total :
		0;
}

static struct check_facts look_at_machine(const struct check *c, uint64_t duration_ns)
{
	const uint64_t tick_ns = 1000000000ULL / (uint64_t)sysconf(_SC_CLK_TCK);
	const uint64_t pressure_us = read_pressure_us();
	struct check_facts facts = { .duration_ns = duration_ns };
	uint64_t stolen, all;

	if (duration_ns && pressure_us > c->pressure_us)
		facts.pressure_share =
			(double)(pressure_us - c->pressure_us) * 1e3 / (double)duration_ns;
	read_ticks(&stolen, &all);
	if (all <= c->all_ticks || stolen < c->stolen_ticks)
		return facts;
	facts.stolen_ns = (stolen - c->stolen_ticks) * tick_ns;
	facts.steal_share = (double)(stolen - c->stolen_ticks) / (double)(all - c->all_ticks);
	return facts;
}

static int write_file(const char *path, check_report_fn *report, const struct verdict *v,
		      const struct check_report_opts *opts)
{
	_cleanup_(file_close) FILE *out = NULL;
	int r;

	if (!path)
		return 0;
	out = fopen(path, "we");
	r = out ? report(out, v, opts) : -errno;
	if (r < 0)
		log_error("cannot write %s: %s", path, strerror(-r));
	return r;
}

static int write_files(const struct check *c, const struct verdict *v,
		       const struct check_report_opts *opts)
{
	const struct check_config *config = &c->config->check;
	const struct {
		const char *path;
		check_report_fn *report;
	} files[] = {
		{ config->junit, check_report_junit },
		{ config->sarif, check_report_sarif },
		{ config->markdown, check_report_markdown },
		{ config->json_file, check_report_json },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && r >= 0; i++)
		r = write_file(files[i].path, files[i].report, v, opts);
	return r;
}

/* A bad run is no measure of what is good. */
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

static int on_end(void *ctx, const struct snapshot *snapshot, uint64_t duration_ns,
		  const char *no_steps_reason)
{
	struct check *c = ctx;
	struct check_facts facts = look_at_machine(c, duration_ns);
	const struct check_report_opts opts = {
		.version = LOOPSTALL_VERSION,
		.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
	};
	const struct verdict *v;
	int r;

	facts.no_steps_reason = no_steps_reason;
	r = checker__finish(c->checker, snapshot, &facts, &c->baseline, &v);
	if (r >= 0)
		r = c->config->is_json ? check_report_json(stdout, v, &opts) :
					 check_report_text(stdout, v, &opts);
	if (r >= 0 && c->config->check.wants_github)
		r = check_report_github(stdout, v, &opts);
	if (r >= 0)
		r = write_files(c, v, &opts);
	if (r >= 0)
		r = save_baseline(c, v);
	return r < 0 ? r : check_outcome_code(v->outcome);
}

/* What can be wrong with the question itself. 0 or -errno with err filled. */
static int prepare(struct check *c, struct err *err)
{
	const struct check_config *config = &c->config->check;
	const struct check_opts opts = { .limits = &c->limits, .allow = &c->allow, .root = c->root };
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
	r = checker__new(&c->checker, &opts);
	read_ticks(&c->stolen_ticks, &c->all_ticks);
	c->pressure_us = read_pressure_us();
	return r < 0 ? err__set(err, r, "out of memory") : 0;
}

static int measure(struct check *c, struct child *child, struct err *err)
{
	_cleanup_(session__freep) struct session *s = NULL;
	const struct session_judge judge = {
		.ctx = c, .on_stall = on_stall, .on_read = on_read, .on_end = on_end
	};
	struct config config = *c->config;
	int r;

	config.threshold_ns = check_limits__threshold_ns(&c->limits);
	r = session__new(&s, &config, config.command ? child : NULL, NULL, err);
	if (r < 0)
		return r;
	session__set_judge(s, &judge);
	r = session__add_targets(s, err);
	if (r >= 0)
		r = session__run(s, err);
	/* What the verdict holds of the model goes with it. */
	checker__free(TAKE_PTR(c->checker));
	return r;
}

static int run(const struct config *config)
{
	_cleanup_(child__done) struct child child = CHILD_INIT;
	_cleanup_(check_done) struct check c = { .config = config };
	struct err err = {};
	int r;

	r = prepare(&c, &err);
	if (r < 0) {
		log_error("%s", err.what);
		return EXIT_USAGE;
	}
	if (config->command) {
		r = child__start(&child, config->command, &err);
		if (r < 0)
			return say_failure(r, &err);
	}
	r = measure(&c, &child, &err);
	if (r >= 0)
		return r;
	say_failure(r, &err);
	return child.is_reaped ? EXIT_COMMAND_FAILED : EXIT_CANNOT_ATTACH;
}

const struct cli_command cmd_check = {
	.name = "check",
	.usage = "-p PID[,PID...] | -n NAME | -- COMMAND [ARG...]",
	.summary = "Holds the event loop to limits and to a baseline, for CI",
	.details =
		"Judges the program's own time: waiting for a free CPU does not count. Exits with 0 (holds), 1 (a\n"
		"limit is broken), 4 (nothing can be told: the host starved the run, or too few steps were seen)\n"
		"or 5 (the command failed). Options may be in loopstall.ini in the working directory, section\n"
		"[check].",
	.options = check_options,
	.measures = true,
	.needs_target = true,
	.takes_command = true,
	.has_own_file = true,
	.run = run,
};
