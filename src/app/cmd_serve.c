/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `loopstall serve`: one session that goes on, and what it measures by HTTP.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/commands.h"
#include "app/measure.h"
#include "app/say.h"
#include "app/version.h"
#include "base/cleanup.h"
#include "base/exit.h"
#include "base/log.h"
#include "base/time.h"
#include "http/http_server.h"
#include "serve/serve.h"
#include "session/session.h"

#define LEAST_SERIES 1000
#define MOST_SERIES 100000

static int parse_series(const char *text, size_t *ret_series, struct err *err)
{
	char *end;
	const unsigned long n = text ? strtoul(text, &end, 10) : 0;

	*ret_series = n;
	if (!text)
		return 0;
	if (*text < '0' || *text > '9' || *end || n < LEAST_SERIES || n > MOST_SERIES)
		return err__set(err, -EINVAL, "--max-series %s is out of range: it takes %d to %d",
				text, LEAST_SERIES, MOST_SERIES);
	return 0;
}

static int send_reply(void *ctx, uint64_t id, const struct http_reply *reply)
{
	return http_server__reply(ctx, id, reply);
}

static bool is_waiting(void *ctx, uint64_t id)
{
	return http_server__is_waiting(ctx, id);
}

static const struct http_counts *counts(void *ctx)
{
	return http_server__counts(ctx);
}

static int start_server(struct http_server **ret_server, const struct config *config,
			struct err *err)
{
	const struct http_options options = {
		.listen = config->listen,
		.web_config = config->web_config,
		.may_be_remote = config->is_insecure_listen,
		.paths = serve_paths,
	};
	int r = http_server__start(ret_server, &options, err);

	if (r >= 0 && !config->is_quiet)
		log_info("serving on %s (%s)", http_server__address(*ret_server),
			 http_server__confinement(*ret_server));
	return r;
}

static int measure(const struct config *config, struct http_server *server, size_t max_series,
		   struct child *child, struct err *err)
{
	const struct serve_outlet outlet = { server, send_reply, is_waiting, counts };
	const struct serve_opts opts = {
		.version = LOOPSTALL_VERSION,
		.mode = measure_mode_word(config->mode),
		.max_series = max_series,
		.clock_offset_ns = time_clock_offset_ns(),
	};
	_cleanup_(serve__freep) struct serve *serve = NULL;
	_cleanup_(session__freep) struct session *s = NULL;
	int r;

	r = measure_new(&s, config, child, NULL, err);
	if (r < 0)
		return r;
	r = serve__new(&serve, s, &outlet, &opts);
	if (r < 0)
		return err__set(err, r, "cannot set up the metrics: %s", strerror(-r));
	serve__set_server(serve, server);
	r = session__add_targets(s, err);
	return r < 0 ? r : session__run(s, err);
}

static int run(const struct config *config)
{
	_cleanup_(http_server__freep) struct http_server *server = NULL;
	_cleanup_(child__done) struct child child = CHILD_INIT;
	size_t max_series;
	struct err err = {};
	int r;

	r = parse_series(config->max_series, &max_series, &err);
	if (r >= 0)
		r = start_server(&server, config, &err);
	if (r < 0)
		return say_error(EXIT_USAGE, r, &err);
	/* Before measure_new(), see there. */
	if (config->command) {
		r = child__start(&child, config->command, &err);
		if (r < 0)
			return say_failure(r, &err);
	}
	r = measure(config, server, max_series, config->command ? &child : NULL, &err);
	return measure_exit_code(r, &child, &err);
}

static const struct cli_option options[] = {
	{ .name = "all",
	  .type = CLI_FLAG,
	  .offset = offsetof(struct config, is_everything),
	  .help = "watch every event loop of this machine, those that start later as well",
	  .is_cli_only = true },
	{ .name = "listen",
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, listen),
	  .argument = "ADDRESS",
	  .help = "where to serve (default " HTTP_DEFAULT_LISTEN "), as in [::1]:9487 or "
		  "unix:/run/loopstall.sock" },
	{ .name = "web-config",
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, web_config),
	  .argument = "FILE",
	  .values = CLI_VALUES_FILE,
	  .help = "TLS, users and headers, in the format of Prometheus' exporter toolkit" },
	{ .name = "insecure-listen",
	  .type = CLI_FLAG,
	  .offset = offsetof(struct config, is_insecure_listen),
	  .help = "listen on other addresses than loopback without TLS or users" },
	{ .name = "max-series",
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, max_series),
	  .argument = "N",
	  .help = "series in /metrics at most (default 5000); the rest is counted as \"other\"" },
	{ .name = NULL },
};

const struct cli_command cmd_serve = {
	.name = "serve",
	.usage = "--all | -p PID[,PID...] | -n NAME | -- COMMAND [ARG...]",
	.summary = "Serves what it measures by HTTP: metrics, profiles, a live page",
	.details = "GET /metrics, / (the live page), /api/snapshot, /api/stalls?since=N,\n"
		   "/debug/pprof/stall?seconds=N, /debug/pprof/starved?seconds=N, /-/healthy, "
		   "/-/ready.",
	.options = options,
	.measures = true,
	.needs_target = true,
	.takes_everything = true,
	.takes_command = true,
	.run = run,
};
