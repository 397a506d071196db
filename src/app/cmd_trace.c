/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `loopstall trace`: one session over the processes that are meant.
 */
#include "app/commands.h"
#include "app/exit.h"
#include "app/say.h"
#include "app/session.h"
#include "base/cleanup.h"

static int run(const struct config *config)
{
	_cleanup_(child__done) struct child child = CHILD_INIT;
	_cleanup_(session__freep) struct session *s = NULL;
	struct err err = {};
	int r;

	/* Before the session changes what a child would inherit. */
	if (config->command) {
		r = child__start(&child, config->command, &err);
		if (r < 0)
			return say_failure(r, &err);
	}
	r = session__new(&s, config, config->command ? &child : NULL, NULL, &err);
	if (r < 0)
		return say_failure(r, &err);
	r = session__add_targets(s, &err);
	if (r >= 0)
		r = session__run(s, &err);
	if (r >= 0)
		return r;
	say_failure(r, &err);
	return child.is_reaped ? EXIT_COMMAND_FAILED : EXIT_CANNOT_ATTACH;
}

const struct cli_command cmd_trace = {
	.name = "trace",
	.usage = "-p PID[,PID...] | -n NAME | -- COMMAND [ARG...]",
	.summary = "Tells each stall of the event loop as it ends, then sums up",
	.details =
		"With -- COMMAND, starts it, follows it and ends with it. Times take a number and a unit\n"
		"(ns, us, ms, s, m), as in 10ms or 1.5s. Results go to stdout, all else to stderr.",
	.measures = true,
	.needs_target = true,
	.takes_command = true,
	.run = run,
};
