/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `loopstall top`: one session over the targets, shown on the terminal.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "app/choose.h"
#include "app/commands.h"
#include "app/dashboard.h"
#include "base/exit.h"
#include "app/measure.h"
#include "app/say.h"
#include "session/session.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/time.h"
#include "view/screen.h"

/* The terminal is the dashboard's: the command gets /dev/null for all three streams. */
static int start_command(struct child *child, char **argv, struct err *err)
{
	_cleanup_fd_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int saved[3], r;

	if (null_fd < 0)
		return err__set(err, -errno, "cannot open /dev/null: %s", strerror(errno));
	for (int fd = 0; fd < 3; fd++) {
		saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		dup2(null_fd, fd);
	}
	r = child__start(child, argv, err);
	for (int fd = 0; fd < 3; fd++) {
		if (saved[fd] >= 0)
			dup2(saved[fd], fd);
		fd_close(&saved[fd]);
	}
	return r;
}

/* Whoever watches a terminal can end it: a name that is not there yet is waited for. */
static int measure(const struct config *asked, struct child *child, struct err *err)
{
	_cleanup_(session__freep) struct session *s = NULL;
	struct config patient = *asked, *config = &patient;
	int r;

	config->is_patient = true;
	r = measure_new(&s, config, child, NULL, err);
	if (r >= 0)
		r = session__add_targets(s, err);
	return r < 0 ? r : dashboard_run(s, config, err);
}

static int replay(const struct config *config)
{
	struct err err = {};
	int r = dashboard_replay(config, config->files[0], &err);

	if (r >= 0)
		return r;
	return say_error(EXIT_USAGE, r, &err);
}

static int run(const struct config *config)
{
	_cleanup_(child__done) struct child child = CHILD_INIT;
	const char *refusal = config->is_json ? "--json asks for lines" : screen_refusal();
	struct config chosen = *config;
	struct err err = {};
	int r;

	if (refusal) {
		log_error("top draws on a terminal, and %s; use 'loopstall trace', which also has "
			  "--json",
			  refusal);
		return EXIT_USAGE;
	}
	if (dashboard_check(config, &err) < 0) {
		log_error("%s. Try 'loopstall top --help'.", err.what);
		return EXIT_USAGE;
	}
	if (config->n_files > 0)
		return replay(config);
	/* Before measure_new(), see there. */
	if (config->command) {
		r = start_command(&child, config->command, &err);
		if (r < 0)
			return say_failure(r, &err);
	}
	if (!config->n_pids && !config->name && !config->command) {
		r = choose_targets(&chosen, &err);
		if (r <= 0)
			return r < 0 ? say_failure(r, &err) : EXIT_FINE;
	}
	r = measure(&chosen, config->command ? &child : NULL, &err);
	return measure_exit_code(r, &child, &err);
}

static const struct cli_option options[] = {
	{ .name = "screen",
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, screen),
	  .argument = "NAME",
	  .values = CLI_VALUES_SCREEN,
	  .help = "the screen to begin with (default: coroutines)" },
	{ .name = "sort",
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, sort),
	  .argument = "COLUMN",
	  .values = CLI_VALUES_COLUMN,
	  .help = "the column to sort by" },
	{ .name = "filter",
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, filter),
	  .argument = "TEXT",
	  .help = "show only rows that match" },
	{ .name = "columns",
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, columns),
	  .argument = "NAME[,NAME...]",
	  .values = CLI_VALUES_COLUMN,
	  .help = "the columns to show" },
	{ .name = "theme",
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, theme),
	  .argument = "NAME",
	  .values = CLI_VALUES_THEME,
	  .help = "colours: dark, light, 16, mono or auto (as the background is)" },
	{ .name = "refresh",
	  .type = CLI_DURATION,
	  .offset = offsetof(struct config, refresh_ns),
	  .argument = "TIME",
	  .min_ns = 100 * NS_PER_MS,
	  .max_ns = 10 * NS_PER_S,
	  .help = "time between two updates: 100ms to 10s (default 250ms)" },
	{ .name = "no-lint",
	  .type = CLI_LINTS,
	  .offset = offsetof(struct config, lints_off),
	  .argument = "NAME[,NAME...]",
	  .values = CLI_VALUES_LINT,
	  .help = "lints to switch off, such as cpu-hog; or all" },
	CLI_OPTION_GROUP(),
	{ .name = "baseline",
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, top_baseline),
	  .argument = "FILE",
	  .values = CLI_VALUES_FILE,
	  .help = "a recording that the rows of Coroutines are compared with",
	  .is_cli_only = true },
	{ .name = NULL },
};

const struct cli_command cmd_top = {
	.name = "top",
	.usage = "[-p PID[,PID...] | -n NAME | -- COMMAND [ARG...] | FILE]",
	.summary = "Shows live who stalls the event loop, why, and who has to wait",
	.details =
		"Without a target, the event loops of this machine are listed, to choose from. "
		"FILE is a\n"
		"recording, which is played. Needs a terminal. ? explains what is on the screen, q "
		"ends. What a\n"
		"COMMAND prints is not shown. NO_COLOR turns colours off; without UTF-8 in the "
		"locale, bars are\n"
		"drawn in ASCII.",
	.options = options,
	.measures = true,
	.needs_target = true,
	.lists_targets = true,
	.max_files = 1,
	.operands = CLI_VALUES_FILE,
	.takes_command = true,
	.run = run,
};
