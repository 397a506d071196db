/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mode_switcher PID: `loopstall trace --json -p PID --threshold 10ms` that switches between exact
 * and light mode eight times a second, which no option of the tool does.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "session/parts.h"
#include "session/sink_report.h"

#define PACE_NS (120 * NS_PER_MS)

struct switcher {
	struct session *session;
	struct timer timer;
	bool is_light;
};

static int on_due(void *ctx, uint64_t now_ns)
{
	struct switcher *sw = ctx;
	struct err err = {};
	int r;

	sw->is_light = !sw->is_light;
	sw->timer.due_ns = now_ns + PACE_NS;
	r = session__set_light(sw->session, sw->is_light, &err);
	if (r < 0)
		fprintf(stderr, "mode_switcher: %s\n", err.what);
	return r;
}

static int begin(void *ctx)
{
	struct switcher *sw = ctx;

	loop__add_timer(session__loop(sw->session), &sw->timer);
	return 0;
}

static int run(pid_t pid, struct err *err)
{
	const struct session_opts opts = {
		.version = "test",
		.n_pids = 1,
		.pids = &pid,
		.threshold_ns = 10 * NS_PER_MS,
		.mode = MEASURE_MODE_EXACT,
		.is_following = true,
	};
	const struct sink_report_opts report_opts = { .out = stdout,
						      .is_json = true,
						      .report = { .mode = "auto" } };
	static const struct sink_ops ops = { .begin = begin };
	_cleanup_(sink_report__done) struct sink_report report = {};
	struct switcher sw = { .timer = { .fn = on_due, .ctx = &sw } };
	struct sink sink = { .ops = &ops, .ctx = &sw };
	_cleanup_(session__freep) struct session *s = NULL;
	int r;

	r = session__new(&s, &opts, err);
	if (r >= 0)
		r = sink_report__init(&report, s, &report_opts, err);
	if (r < 0)
		return r;
	sw.session = s;
	session__add_sink(s, &sink);
	r = session__add_targets(s, err);
	return r < 0 ? r : session__run(s, err);
}

int main(int argc, char **argv)
{
	struct err err = {};
	int r = argc == 2 ? run((pid_t)atoi(argv[1]), &err) : -EINVAL;

	if (r < 0)
		fprintf(stderr, "mode_switcher: %s\n", *err.what ? err.what : strerror(-r));
	return r < 0 ? EXIT_FAILURE : r;
}
