/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `loopstall trace`: which processes are meant, and one session over them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/commands.h"
#include "app/exit.h"
#include "app/say.h"
#include "app/session.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "target/target.h"

static int add_pids(struct session *s, const struct config *config, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < config->n_pids; i++)
		r = session__add(s, config->pids[i], false, err);
	return r;
}

/*
 * A name also matches what is no Python (a shell that started it, an editor): one that fits is
 * enough.
 */
static int add_by_name(struct session *s, const char *name, struct err *err)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0, n_added = 0;
	int r;

	r = target__find_by_name(name, &pids, &n);
	if (r < 0)
		return err__set(err, r, "cannot list processes: %s", strerror(-r));
	if (n == 0)
		return err__set(err, -ESRCH, "no process has '%s' in its command line", name);
	for (size_t i = 0; i < n; i++) {
		r = session__add(s, pids[i], false, err);
		if (r == -E2BIG)
			return r;
		if (r < 0)
			log_debug("%d is left out: %s", pids[i], err->what);
		else
			n_added++;
	}
	return n_added > 0 ? 0 : r;
}

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
	r = session__new(&s, config, config->command ? &child : NULL, &err);
	if (r < 0)
		return say_failure(r, &err);
	if (config->command)
		r = session__add(s, child.pid, true, &err);
	else if (config->name)
		r = add_by_name(s, config->name, &err);
	else
		r = add_pids(s, config, &err);
	if (r >= 0)
		r = session__run(s, &err);
	if (r >= 0)
		return r;
	say_failure(r, &err);
	return child.is_reaped ? EXIT_COMMAND_FAILED : EXIT_CANNOT_ATTACH;
}

static const struct cli_option options[] = {
	{ .name = "pid",
	  .letter = 'p',
	  .type = CLI_PIDS,
	  .argument = "PID[,PID...]",
	  .help = "watch these processes" },
	{ .name = "name",
	  .letter = 'n',
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, name),
	  .argument = "NAME",
	  .help = "watch the Pythons with NAME in their command line" },
	{ .name = "duration",
	  .letter = 'd',
	  .type = CLI_DURATION,
	  .offset = offsetof(struct config, duration_ns),
	  .argument = "TIME",
	  .min_ns = 1000000,
	  .max_ns = 3600000000000000,
	  .help = "stop after this time (default: when stopped, or when all have ended)" },
	{ .name = "threshold",
	  .type = CLI_DURATION,
	  .offset = offsetof(struct config, threshold_ns),
	  .argument = "TIME",
	  .min_ns = 100000,
	  .max_ns = 3600000000000,
	  .help = "what lasts this long is a stall: 100us to 1h (default 10ms)" },
	{ .name = "mode",
	  .type = CLI_MODE,
	  .offset = offsetof(struct config, mode),
	  .argument = "MODE",
	  .help = "auto or exact: every step is timed, at both ends" },
	{ .name = NULL },
};

const struct cli_command cmd_trace = {
	.name = "trace",
	.usage = "-p PID[,PID...] | -n NAME | -- COMMAND [ARG...]",
	.summary = "Tells each stall of the event loop as it ends, then sums up",
	.details =
		"With -- COMMAND, starts it, follows it and ends with it. Times take a number and a unit\n"
		"(ns, us, ms, s, m), as in 10ms or 1.5s. Results go to stdout, all else to stderr.",
	.options = options,
	.needs_target = true,
	.takes_command = true,
	.run = run,
};
