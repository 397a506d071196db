/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `loopstall record`: measures into a file, or into a ring that becomes a file when something
 * happens, and prints its progress on stderr.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/flight.h"
#include "app/measure.h"
#include "app/say.h"
#include "session/session.h"
#include "base/cleanup.h"
#include "base/exit.h"
#include "base/log.h"
#include "base/time.h"

#define PROGRESS_PACE_NS NS_PER_S
/* Of a flight recorder: memory, and files. */
#define DEFAULT_RING_BYTES (64ULL << 20)
#define DEFAULT_RING_FILES 20

struct record_opts {
	struct recorder_opts recorder;
	struct flight_opts flight; /* with a ring */
};

struct recording {
	const struct config *config;
	struct session *session;
	struct flight *flight; /* NULL without a ring */
	struct sink sink;
	struct timer progress;
	bool is_terminal;
};

/* "12 s, 600123 steps, 14 stalls, 48 KiB" */
static int print_progress(const struct recording *rec, char end)
{
	const struct session *s = rec->session;
	const struct snapshot *snapshot;
	const struct recorder *recorder = session__recorder(s);
	const uint64_t passed_ns = session__now_ns(s) - session__started_ns(s);
	const uint64_t bytes =
		rec->flight ? recorder__ring_bytes(recorder) : recorder__bytes(recorder);
	int r = model__snapshot(session__model(s), &snapshot);

	if (r < 0)
		return r;
	fprintf(stderr, "%s%llu s, %llu steps, %llu stalls, %llu KiB%s%c",
		rec->is_terminal ? "\r" : "", (unsigned long long)(passed_ns / NS_PER_S),
		(unsigned long long)snapshot->steps, (unsigned long long)snapshot->stalls,
		(unsigned long long)(bytes >> 10), rec->is_terminal ? "  " : "", end);
	return 0;
}

static int on_progress_due(void *ctx, uint64_t now_ns)
{
	struct recording *rec = ctx;

	rec->progress.due_ns = now_ns + PROGRESS_PACE_NS;
	return print_progress(rec, '\r');
}

static int begin(void *ctx)
{
	struct recording *rec = ctx;

	if (rec->is_terminal && !rec->config->is_quiet)
		loop__add_timer(session__loop(rec->session), &rec->progress);
	return 0;
}

/* "100M": a number and K, M or G. */
static int parse_size(const char *text, uint64_t *ret_bytes, struct err *err)
{
	static const char units[] = "KMG";
	const char *unit;
	char *end;

	errno = 0;
	*ret_bytes = strtoull(text, &end, 10);
	unit = *end ? strchr(units, *end) : NULL;
	if (*text < '0' || *text > '9' || errno || !unit || end[1] || *ret_bytes > 1U << 20)
		return err__set(err, -EINVAL,
				"'%s' is no size: give a number and K, M or G, as in 100M", text);
	*ret_bytes <<= 10 * (unit - units + 1);
	return 0;
}

static int parse_keep(const char *text, unsigned int *ret_keep, struct err *err)
{
	char *end;
	const unsigned long keep = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || keep > INT_MAX)
		return err__set(err, -EINVAL, "'%s' is no number of files to keep", text);
	*ret_keep = (unsigned int)keep;
	return 0;
}

/* "20", "1G" or "20,1G". */
static int parse_ring_keep(const char *text, struct flight_opts *opts, struct err *err)
{
	_cleanup_free_ char *files = strdup(text);
	char *comma = files ? strchr(files, ',') : NULL;
	const char *size = comma ? comma + 1 : NULL;
	int r = 0;

	if (!files)
		return err__set(err, -ENOMEM, "out of memory");
	if (comma)
		*comma = '\0';
	else if (strpbrk(files, "KMG"))
		size = files;
	if (size != files)
		r = parse_keep(files, &opts->max_files, err);
	if (r >= 0 && size)
		r = parse_size(size, &opts->max_bytes, err);
	if (r >= 0 && (opts->max_files == 0 || (size && opts->max_bytes == 0)))
		r = err__set(err, -EINVAL, "--keep %s keeps nothing", text);
	return r;
}

/* A file may have all of the ring's memory and a part of it more. */
static int check_ring(const struct config *config, const struct record_opts *opts, struct err *err)
{
	if (config->on_stall_ns && config->on_stall_ns < config->threshold_ns)
		return err__set(err, -EINVAL, "--on-stall is shorter than the threshold");
	if (opts->flight.max_bytes && opts->flight.max_bytes < 2 * opts->recorder.max_bytes)
		return err__set(err, -EINVAL,
				"--keep has no room for a file: give it twice the --max-size");
	return 0;
}

static int make_ring_opts(const struct config *config, struct record_opts *opts, struct err *err)
{
	int r = 0;

	opts->recorder = (struct recorder_opts){ .ring_ns = config->ring_ns,
						 .max_bytes = DEFAULT_RING_BYTES };
	opts->flight = (struct flight_opts){
		.path = config->output,
		.max_files = DEFAULT_RING_FILES,
		.ring_ns = config->ring_ns,
		.on_stall_ns = config->on_stall_ns,
		.is_on_exit = config->is_on_exit,
		.outlives_targets = config->name != NULL,
	};
	if (config->max_size)
		r = parse_size(config->max_size, &opts->recorder.max_bytes, err);
	if (r >= 0 && config->keep)
		r = parse_ring_keep(config->keep, &opts->flight, err);
	return r < 0 ? r : check_ring(config, opts, err);
}

static int make_opts(const struct config *config, struct record_opts *opts, struct err *err)
{
	int r = 0;

	if (!config->output)
		return err__set(err, -EINVAL, "no file is named: -o FILE");
	if (config->ring_ns)
		return make_ring_opts(config, opts, err);
	if (config->on_stall_ns || config->is_on_exit)
		return err__set(err, -EINVAL, "--on-stall and --on-exit need --ring TIME");
	opts->recorder = (struct recorder_opts){ .path = config->output, .keep = 1 };
	if (config->max_size)
		r = parse_size(config->max_size, &opts->recorder.max_bytes, err);
	if (r >= 0 && config->keep)
		r = parse_keep(config->keep, &opts->recorder.keep, err);
	return r;
}

static int finish_ring(struct recording *rec, int code)
{
	const bool is_fine = flight__finish(rec->flight);

	if (!rec->config->is_quiet)
		print_progress(rec, '\n');
	if (code != EXIT_FINE)
		return code;
	return is_fine ? session__verdict(rec->session) : EXIT_INCONCLUSIVE;
}

/* A full file ends the recording without an error. Returns an enum exit_code or -errno. */
static int finish(struct recording *rec, int code)
{
	struct session *s = rec->session;
	int r;

	if (rec->flight)
		return finish_ring(rec, code);
	r = session__close_recording(s);
	if (r < 0 && r != -EFBIG) {
		log_error("cannot write %s: %s; what was written before can be read",
			  rec->config->output, strerror(-r));
		return EXIT_INCONCLUSIVE;
	}
	if (!rec->config->is_quiet)
		print_progress(rec, '\n');
	return code == EXIT_FINE ? session__verdict(s) : code;
}

static int record(const struct config *config, const struct record_opts *opts, struct child *child,
		  struct err *err)
{
	_cleanup_(flight__freep) struct flight *flight = NULL;
	_cleanup_(session__freep) struct session *s = NULL;
	static const struct sink_ops ops = { .begin = begin };
	struct recording rec = { .config = config, .is_terminal = isatty(STDERR_FILENO) };
	int r;

	r = config->ring_ns ? flight__new(&flight, &opts->flight, err) : 0;
	if (r >= 0)
		r = measure_new(&s, config, child, &opts->recorder, err);
	if (r < 0)
		return say_error(EXIT_USAGE, r, err);
	rec.session = s;
	rec.flight = flight;
	rec.sink = (struct sink){ .ops = &ops, .ctx = &rec };
	rec.progress = (struct timer){ .fn = on_progress_due, .ctx = &rec };
	session__add_sink(s, &rec.sink);
	if (flight)
		flight__attach(flight, s);
	r = session__add_targets(s, err);
	if (r >= 0)
		r = session__run(s, err);
	if (r >= 0)
		return finish(&rec, r);
	/* Otherwise the next attempt would fail because the file exists. */
	recorder__discard(session__recorder(s));
	return r;
}

static int run(const struct config *config)
{
	_cleanup_(child__done) struct child child = CHILD_INIT;
	struct record_opts opts = {};
	struct err err = {};
	int r;

	if (make_opts(config, &opts, &err) < 0) {
		log_error("%s. Try 'loopstall record --help'.", err.what);
		return EXIT_USAGE;
	}
	/* Before measure_new(), see there. */
	if (config->command) {
		r = child__start(&child, config->command, &err);
		if (r < 0)
			return say_failure(r, &err);
	}
	r = record(config, &opts, config->command ? &child : NULL, &err);
	return measure_exit_code(r, &child, &err);
}

static const struct cli_option options[] = {
	{ .name = "output",
	  .letter = 'o',
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, output),
	  .argument = "FILE",
	  .values = CLI_VALUES_FILE,
	  .help = "the recording; must not exist. With --ring: the folder for recordings",
	  .is_cli_only = true },
	{ .name = "max-size",
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, max_size),
	  .argument = "SIZE",
	  .help = "of one file, as in 100M; a full FILE is renamed to FILE.1. With --ring: "
		  "memory (default 64M)" },
	{ .name = "keep",
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, keep),
	  .argument = "N",
	  .help = "number of older files to keep (default 1); 0: stop when FILE is full. With "
		  "--ring: number of files, size or both, as in 20,1G (default 20)" },
	{ .name = "no-source",
	  .type = CLI_FLAG,
	  .offset = offsetof(struct config, is_without_sources),
	  .help = "do not keep the source lines at which stalls happened" },
	{ .name = "ring",
	  .type = CLI_DURATION,
	  .offset = offsetof(struct config, ring_ns),
	  .argument = "TIME",
	  .min_ns = 8 * NS_PER_S,
	  .max_ns = 86400 * NS_PER_S,
	  .help = "flight recorder: keep the last TIME in memory, write it at SIGUSR1" },
	{ .name = "on-stall",
	  .type = CLI_DURATION,
	  .offset = offsetof(struct config, on_stall_ns),
	  .argument = "TIME",
	  .min_ns = NS_PER_MS,
	  .max_ns = 3600 * NS_PER_S,
	  .help = "with --ring: write it when a stall lasts this long" },
	{ .name = "on-exit",
	  .type = CLI_FLAG,
	  .offset = offsetof(struct config, is_on_exit),
	  .help = "with --ring: write it when a process ends" },
	{ .name = NULL },
};

const struct cli_command cmd_record = {
	.name = "record",
	.usage = "-p PID[,PID...] | -n NAME | -- COMMAND [ARG...]  -o FILE",
	.summary = "Records into a file, to be read later or on another machine",
	.details = "Reading the file needs neither the processes nor their sources.",
	.options = options,
	.measures = true,
	.needs_target = true,
	.takes_command = true,
	.run = run,
};
