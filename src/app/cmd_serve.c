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
#include "otlp/sender.h"
#include "serve/serve.h"
#include "session/session.h"

#define MIN_SERIES 1000
#define MAX_SERIES 100000
/* What /recording keeps. A file has up to an eighth more, and its bytes are copied twice on their
 * way to the client. */
#define RING_DEFAULT_NS (120 * NS_PER_S)
#define RING_MAX_BYTES (16ULL << 20)
#define DEFAULT_OTLP_INTERVAL_NS (30 * NS_PER_S)

static int parse_series(const char *text, size_t *ret_series, struct err *err)
{
	char *end;
	const unsigned long n = text ? strtoul(text, &end, 10) : 0;

	*ret_series = n;
	if (!text)
		return 0;
	if (*text < '0' || *text > '9' || *end || n < MIN_SERIES || n > MAX_SERIES)
		return err__set(err, -EINVAL, "--max-series %s is out of range: it takes %d to %d",
				text, MIN_SERIES, MAX_SERIES);
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

/* The ring's time; 0: no recordings are served. */
static int find_ring(const struct config *config, uint64_t *ret_ring_ns, struct err *err)
{
	if (config->ring_ns && !config->may_record)
		return err__set(err, -EINVAL, "--ring needs --allow-recording");
	*ret_ring_ns = config->may_record ? config->ring_ns ?: RING_DEFAULT_NS : 0;
	return 0;
}

/* Names of variables: OpenTelemetry's specification of exporters. */
static int find_settings(struct otlp_settings *ret, const struct config *config, struct err *err)
{
	const char *environment = getenv("OTEL_EXPORTER_OTLP_HEADERS");
	int r = 0;

	ret->ca = config->otlp_ca ?: getenv("OTEL_EXPORTER_OTLP_CERTIFICATE");
	/* It would be sought in the child, which cannot say so. */
	if (ret->ca && access(ret->ca, R_OK))
		return err__set(err, -errno, "cannot read %s: %s", ret->ca, strerror(errno));
	if (environment)
		r = otlp_settings__add_environment(ret, environment, err);
	if (r >= 0 && config->otlp_header_file)
		r = otlp_settings__add_file(ret, config->otlp_header_file, err);
	for (size_t i = 0; r >= 0 && i < config->otlp_headers.n; i++)
		r = otlp_settings__add(ret, config->otlp_headers.items[i], err);
	return r;
}

static int start_sender(struct otlp_sender **ret_sender, const struct config *config,
			struct err *err)
{
	struct otlp_settings settings = {};
	int r;

	if (!config->otlp &&
	    (config->otlp_interval_ns || config->otlp_headers.n || config->otlp_header_file ||
	     config->otlp_ca))
		return err__set(err, -EINVAL, "the options --otlp-... need --otlp");
	if (!config->otlp)
		return 0;
	r = find_settings(&settings, config, err);
	if (r >= 0)
		r = otlp_sender__start(ret_sender, config->otlp, &settings, NULL, err);
	explicit_bzero(&settings, sizeof(settings));
	return r;
}

struct servers {
	struct http_server *http;
	struct otlp_sender *sender; /* NULL: nothing is sent */
};

static int measure(const struct config *config, const struct servers *servers,
		   const struct serve_opts *opts, struct child *child, struct err *err)
{
	const struct recorder_opts ring = { .ring_ns = opts->ring_ns, .max_bytes = RING_MAX_BYTES };
	const struct serve_outlet outlet = { servers->http, send_reply, is_waiting, counts };
	_cleanup_(serve__freep) struct serve *serve = NULL;
	_cleanup_(session__freep) struct session *s = NULL;
	int r;

	r = measure_new(&s, config, child, opts->ring_ns ? &ring : NULL, err);
	if (r < 0)
		return r;
	r = serve__new(&serve, s, &outlet, opts);
	if (r < 0)
		return err__set(err, r, "cannot set up the metrics: %s", strerror(-r));
	serve__set_server(serve, servers->http);
	serve__set_sender(serve, servers->sender,
			  config->otlp_interval_ns ?: DEFAULT_OTLP_INTERVAL_NS);
	r = session__add_targets(s, err);
	if (r >= 0)
		r = session__run(s, err);
	if (r >= 0)
		serve__finish(serve);
	return r;
}

static int run(const struct config *config)
{
	_cleanup_(http_server__freep) struct http_server *server = NULL;
	_cleanup_(otlp_sender__freep) struct otlp_sender *sender = NULL;
	_cleanup_(child__done) struct child child = CHILD_INIT;
	struct serve_opts opts = {
		.version = LOOPSTALL_VERSION,
		.mode = measure_mode_word(config->mode),
		.clock_offset_ns = time_clock_offset_ns(),
	};
	struct err err = {};
	int r;

	r = parse_series(config->max_series, &opts.max_series, &err);
	if (r >= 0)
		r = find_ring(config, &opts.ring_ns, &err);
	if (r >= 0)
		r = start_sender(&sender, config, &err);
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
	r = measure(config, &(struct servers){ server, sender }, &opts,
		    config->command ? &child : NULL, &err);
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
	{ .name = "otlp",
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, otlp),
	  .argument = "URL",
	  .help = "send stalls as log records, and metrics, to an OpenTelemetry collector, as in "
		  "http://127.0.0.1:4318" },
	{ .name = "otlp-header",
	  .type = CLI_LIST,
	  .offset = offsetof(struct config, otlp_headers),
	  .argument = "NAME=VALUE",
	  .help = "a header of each request to URL; everybody on this machine may read it here" },
	{ .name = "otlp-header-file",
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, otlp_header_file),
	  .argument = "FILE",
	  .values = CLI_VALUES_FILE,
	  .help = "the same, a line for each: for secrets" },
	{ .name = "otlp-ca",
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, otlp_ca),
	  .argument = "FILE",
	  .values = CLI_VALUES_FILE,
	  .help = "whose certificates an https URL may have, in PEM; if not given, the system's" },
	{ .name = "otlp-interval",
	  .type = CLI_DURATION,
	  .offset = offsetof(struct config, otlp_interval_ns),
	  .argument = "TIME",
	  .min_ns = NS_PER_S,
	  .max_ns = 3600 * NS_PER_S,
	  .help = "from one sending of metrics to the next (default 30s)" },
	{ .name = "allow-recording",
	  .type = CLI_FLAG,
	  .offset = offsetof(struct config, may_record),
	  .help = "serve /recording: the last minutes as a file for top and report" },
	{ .name = "ring",
	  .type = CLI_DURATION,
	  .offset = offsetof(struct config, ring_ns),
	  .argument = "TIME",
	  .min_ns = 8 * NS_PER_S,
	  .max_ns = 3600 * NS_PER_S,
	  .help = "with --allow-recording: keep the last TIME in memory (default 2m)" },
	{ .name = NULL },
};

const struct cli_command cmd_serve = {
	.name = "serve",
	.usage = "--all | -p PID[,PID...] | -n NAME | -- COMMAND [ARG...]",
	.summary = "Serves what it measures by HTTP: metrics, profiles, a live page",
	.details = "GET /metrics, / (the live page), /api/snapshot, /api/stalls?since=N,\n"
		   "/debug/pprof/stall?seconds=N, /debug/pprof/starved?seconds=N,\n"
		   "/recording?last=TIME, /-/healthy, /-/ready.",
	.options = options,
	.measures = true,
	.needs_target = true,
	.takes_everything = true,
	.takes_command = true,
	.run = run,
};
