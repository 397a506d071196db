/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `loopstall record`: measures into a file. A front without a screen: reads at a steady pace, says on stderr how far it is.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/exit.h"
#include "app/say.h"
#include "app/session.h"
#include "app/session_impl.h"
#include "base/cleanup.h"
#include "base/log.h"

#define SECOND_NS 1000000000ULL
#define READ_PACE_NS (SECOND_NS / 4)
#define LIVE_PACE_NS (SECOND_NS / 20)
#define PROGRESS_PACE_NS SECOND_NS

struct recording {
	struct session *session;
	uint64_t read_due_ns, live_due_ns, progress_due_ns;
	bool is_terminal;
};

/* "12 s, 600123 steps, 14 stalls, 48 KiB" */
static int tell_progress(const struct recording *r, char end)
{
	const struct session *s = r->session;
	const struct snapshot *snapshot;
	int e = model__snapshot(s->model, &snapshot);

	if (e < 0)
		return e;
	fprintf(stderr, "%s%llu s, %llu steps, %llu stalls, %llu KiB%s%c", r->is_terminal ? "\r" : "",
		(unsigned long long)((session_now_ns() - s->started_ns) / SECOND_NS),
		(unsigned long long)snapshot->steps, (unsigned long long)snapshot->stalls,
		(unsigned long long)(recorder__bytes(s->feed.recorder) >> 10),
		r->is_terminal ? "  " : "", end);
	return 0;
}

static int on_turn(void *ctx, uint64_t now_ns, uint64_t *ret_due_ns)
{
	struct recording *rec = ctx;
	struct session *s = rec->session;
	int r = 0;

	if (now_ns >= rec->read_due_ns) {
		const uint64_t before_ns = session_own_cpu_ns();

		r = session__describe_recording(s);
		if (r >= 0)
			r = session__read(s, now_ns);
		if (r >= 0)
			r = session__read_tasks(s, now_ns);
		rec->read_due_ns = session_next_due_ns(now_ns, READ_PACE_NS, session_own_cpu_ns() - before_ns);
	}
	if (r >= 0 && now_ns >= rec->live_due_ns) {
		rec->live_due_ns = now_ns + LIVE_PACE_NS;
		r = session__read_live(s, now_ns, s->threshold_ns);
	}
	if (r >= 0 && rec->is_terminal && !s->config->is_quiet && now_ns >= rec->progress_due_ns) {
		rec->progress_due_ns = now_ns + PROGRESS_PACE_NS;
		r = tell_progress(rec, '\r');
	}
	*ret_due_ns = rec->live_due_ns;
	return r < 0 ? r : 0;
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

static int make_opts(const struct config *config, struct recorder_opts *ret_opts, struct err *err)
{
	int r = 0;

	if (!config->output)
		return err__set(err, -EINVAL, "no file is named: -o FILE");
	*ret_opts = (struct recorder_opts){ .path = config->output, .keep = 1 };
	if (config->max_size)
		r = parse_size(config->max_size, &ret_opts->max_bytes, err);
	if (r >= 0 && config->keep)
		r = parse_keep(config->keep, &ret_opts->keep, err);
	return r;
}

/* A file that is full is an end like any other. Returns an enum exit_code or -errno. */
static int finish(struct recording *rec, int code)
{
	struct session *s = rec->session;
	const struct snapshot *snapshot;
	int r = session__close_recording(s);

	if (r < 0 && r != -EFBIG) {
		log_error("cannot write %s: %s; what was written before can be read",
			  s->config->output, strerror(-r));
		return EXIT_INCONCLUSIVE;
	}
	r = model__snapshot(s->model, &snapshot);
	if (r < 0)
		return r;
	if (!s->config->is_quiet)
		tell_progress(rec, '\n');
	return code == EXIT_FINE ? session__verdict(s, snapshot, EXIT_FINE) : code;
}

/* Failures before that are of the file. Returns an enum exit_code. */
static int say_no_file(const struct err *err)
{
	log_error("%s%s%s", err->what, *err->hint ? "; " : "", err->hint);
	return EXIT_USAGE;
}

static int record(const struct config *config, const struct recorder_opts *opts,
		  struct child *child, struct err *err)
{
	_cleanup_(session__freep) struct session *s = NULL;
	struct recording rec = { .is_terminal = isatty(STDERR_FILENO) };
	const struct session_front front = {
		.ctx = &rec, .input_fd = -1, .ends_with_targets = true, .on_turn = on_turn
	};
	int r;

	r = session__new(&s, config, child, opts, err);
	if (r < 0)
		return say_no_file(err);
	rec.session = s;
	session__set_front(s, &front);
	r = session__add_targets(s, err);
	if (r >= 0)
		r = session__run(s, err);
	if (r >= 0)
		return finish(&rec, r);
	/* Else the next try would be told that the file is there. */
	recorder__discard(s->feed.recorder);
	return r;
}

static int run(const struct config *config)
{
	_cleanup_(child__done) struct child child = CHILD_INIT;
	struct recorder_opts opts;
	struct err err = {};
	int r;

	if (make_opts(config, &opts, &err) < 0) {
		log_error("%s. Try 'loopstall record --help'.", err.what);
		return EXIT_USAGE;
	}
	/* Before the session changes what a child would inherit. */
	if (config->command) {
		r = child__start(&child, config->command, &err);
		if (r < 0)
			return say_failure(r, &err);
	}
	r = record(config, &opts, config->command ? &child : NULL, &err);
	if (r >= 0)
		return r;
	say_failure(r, &err);
	return child.is_reaped ? EXIT_COMMAND_FAILED : EXIT_CANNOT_ATTACH;
}

static const struct cli_option options[] = {
	{ .name = "output",
	  .letter = 'o',
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, output),
	  .argument = "FILE",
	  .help = "the recording; never one that is there already",
	  .is_cli_only = true },
	{ .name = "max-size",
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, max_size),
	  .argument = "SIZE",
	  .help = "of one file, as 100M; then FILE becomes FILE.1 and begins anew" },
	{ .name = "keep",
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, keep),
	  .argument = "N",
	  .help = "older files that stay (default 1); 0: stop when FILE is full" },
	{ .name = NULL },
};

const struct cli_command cmd_record = {
	.name = "record",
	.usage = "-p PID[,PID...] | -n NAME | -- COMMAND [ARG...]  -o FILE",
	.summary = "Measures into a file, for later and for other machines",
	.details = "What is in the file needs neither the processes nor their sources any more.",
	.options = options,
	.measures = true,
	.needs_target = true,
	.takes_command = true,
	.run = run,
};
