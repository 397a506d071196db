/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `loopstall trace`: one session over the targets, reported on stdout.
 */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/measure.h"
#include "app/say.h"
#include "base/cleanup.h"
#include "session/session.h"
#include "session/sink_report.h"

#define MAX_TABLE_ROWS 30

static struct sink_report_opts report_opts(const struct config *config)
{
	const bool is_terminal = isatty(STDOUT_FILENO);
	struct winsize size = {};

	if (is_terminal)
		ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	return (struct sink_report_opts){
		.out = stdout,
		.start_out = config->is_quiet ? NULL : stderr,
		.is_json = config->is_json,
		.report = { .mode = measure_mode_word(config->mode),
			    .color = is_terminal && !getenv("NO_COLOR"),
			    .width = size.ws_col,
			    .max_rows = MAX_TABLE_ROWS,
			    .clock_offset_ns = time_clock_offset_ns(),
			    .group = config->group,
			    .has_titles = true,
			    .is_unfolded = config->is_verbose,
			    .is_verbose = config->is_verbose },
	};
}

static int measure(const struct config *config, struct child *child, struct err *err)
{
	const struct sink_report_opts opts = report_opts(config);
	_cleanup_(sink_report__done) struct sink_report report = {};
	_cleanup_(session__freep) struct session *s = NULL;
	int r;

	r = measure_new(&s, config, child, NULL, err);
	if (r >= 0)
		r = sink_report__init(&report, s, &opts, err);
	if (r >= 0)
		r = session__add_targets(s, err);
	return r < 0 ? r : session__run(s, err);
}

static int run(const struct config *config)
{
	_cleanup_(child__done) struct child child = CHILD_INIT;
	struct err err = {};
	int r;

	/* Before measure_new(), see there. */
	if (config->command) {
		r = child__start(&child, config->command, &err);
		if (r < 0)
			return say_failure(r, &err);
	}
	r = measure(config, config->command ? &child : NULL, &err);
	return measure_exit_code(r, &child, &err);
}

static const struct cli_option options[] = {
	CLI_OPTION_GROUP(.is_cli_only = true),
	{ .name = NULL },
};

const struct cli_command cmd_trace = {
	.name = "trace",
	.usage = "-p PID[,PID...] | -n NAME | -- COMMAND [ARG...]",
	.summary = "Prints each stall of the event loop as it ends, then a summary",
	.details =
		"With -- COMMAND, starts it, follows it and ends with it. Times take a number and "
		"a unit\n"
		"(ns, us, ms, s, m), as in 10ms or 1.5s. Results go to stdout, all else to stderr.",
	.options = options,
	.measures = true,
	.needs_target = true,
	.takes_command = true,
	.run = run,
};
