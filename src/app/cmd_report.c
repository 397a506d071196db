/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `loopstall report`: a recording in any report format, or compared with another one.
 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "app/commands.h"
#include "base/exit.h"
#include "app/replay.h"
#include "app/say.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "report/diff.h"
#include "report/report.h"

#define DEFAULT_FORMAT "text"

static struct report_opts make_opts(const struct config *config, FILE *out, const char *mode,
				    uint64_t clock_offset_ns)
{
	const bool is_terminal = isatty(fileno(out));
	struct winsize size = {};

	if (is_terminal)
		ioctl(fileno(out), TIOCGWINSZ, &size);
	return (struct report_opts){
		.mode = mode,
		.color = is_terminal && !getenv("NO_COLOR"),
		.width = size.ws_col,
		.clock_offset_ns = clock_offset_ns,
		.group = config->group,
		.has_titles = true,
		.is_unfolded = config->is_verbose,
	};
}

static int tell_stall(void *ctx, const struct stall *stall)
{
	return report__stall(*(struct report **)ctx, stall);
}

/*
 * Plays the rest of the recording. Damage is no failure: what precedes it is reported, and so is
 * the damage. 0 or -errno.
 */
static int play(struct replay *replay, const char *path, const struct snapshot **ret_snapshot,
		struct report_run *ret_run)
{
	int r = replay__to_end(replay);

	if (r >= 0)
		r = model__snapshot(replay__model(replay), ret_snapshot);
	if (r < 0)
		return r;
	if (replay__damage(replay))
		log_warn("%s is damaged, what is before that was read: %s", path,
			 replay__damage(replay));
	*ret_run = replay__run(replay);
	return 0;
}

static int write_report(const struct config *config, const struct report_format *format, FILE *out,
			struct err *err)
{
	const struct own_rules own = cli_own_rules(config);
	const char *path = config->files[0];
	_cleanup_(report__freep) struct report *report = NULL;
	_cleanup_(replay__freep) struct replay *replay = NULL;
	const struct snapshot *snapshot;
	struct report_opts opts;
	struct report_run run;
	int r;

	r = replay__open(&replay, path, tell_stall, &report, err);
	if (r < 0)
		return r;
	replay__set_own(replay, &own);
	opts = make_opts(config, out, replay__mode(replay), replay__clock_offset_ns(replay));
	r = report__new(&report, format, out, &opts);
	if (r >= 0)
		r = report__start(report, replay__start(replay));
	if (r >= 0)
		r = play(replay, path, &snapshot, &run);
	return r < 0 ? r : report__finish(report, snapshot, &run);
}

/* One of the two runs that are compared. */
struct side {
	struct diff *diff;
	enum diff_side which;
};

static int compare_stall(void *ctx, const struct stall *stall)
{
	const struct side *side = ctx;

	if (stall->end == LS_END_OPEN)
		return 0;
	return diff__stall(side->diff, side->which, stall);
}

/* Some of its steps were not counted. */
static bool is_light(const struct replay *replay, const struct report_run *run)
{
	enum measure_mode mode = MEASURE_MODE_EXACT;

	measure_mode_parse(replay__mode(replay), &mode);
	return mode == MEASURE_MODE_LIGHT || run->light_ns;
}

static struct diff_facts facts_of(const struct replay *replay, const struct report_run *run)
{
	const struct machine_use use = replay__machine(replay);

	return (struct diff_facts){
		.duration_ns = run->duration_ns,
		.threshold_ns = replay__threshold_ns(replay),
		.is_light = is_light(replay, run),
		.steal_share = use.has_cpu && use.wanted_ns ?
			(double)use.stolen_ns / (double)use.wanted_ns :
			NAN,
	};
}

static int compare_slice(void *ctx, const struct snapshot *snapshot, uint64_t at_ns)
{
	const struct side *side = ctx;

	return diff__slice(side->diff, side->which, snapshot, at_ns);
}

static int read_side(struct diff *diff, enum diff_side which, const char *path,
		     const char **ret_mode, struct err *err)
{
	_cleanup_(replay__freep) struct replay *replay = NULL;
	struct side side = { diff, which };
	const struct snapshot *snapshot;
	struct diff_facts facts;
	struct report_run run;
	int r;

	r = replay__open(&replay, path, compare_stall, &side, err);
	if (r < 0)
		return r;
	*ret_mode = replay__mode(replay);
	diff__begin(diff, which, replay__threshold_ns(replay));
	r = replay__each_slice(replay, compare_slice, &side);
	if (r >= 0)
		r = play(replay, path, &snapshot, &run);
	if (r < 0)
		return r;
	facts = facts_of(replay, &run);
	return diff__finish(diff, which, snapshot, &facts);
}

static int write_diff(const struct config *config, const struct diff_format *format, FILE *out,
		      struct err *err)
{
	const char *before = config->diff, *after = config->files[0];
	_cleanup_(diff__freep) struct diff *diff = NULL;
	const char *mode_before = NULL, *mode_after = NULL;
	const struct diff_result *result;
	struct report_opts opts;
	int r;

	r = diff__new(&diff);
	if (r >= 0)
		r = read_side(diff, DIFF_BEFORE, before, &mode_before, err);
	if (r >= 0)
		r = read_side(diff, DIFF_AFTER, after, &mode_after, err);
	if (r >= 0)
		r = diff__result(diff, &result);
	if (r < 0)
		return r;
	/* Words of our own list: the same word is the same string. */
	opts = make_opts(config, out, mode_before == mode_after ? mode_after : "mixed", 0);
	return format->write(out, result, &opts);
}

/*
 * The format given by name, by --json or by the extension of the output file; else text. NULL with
 * err filled.
 */
static const struct report_format *choose_format(const struct config *config, struct err *err)
{
	const char *name = config->format ?: config->is_json ? "json" : NULL;
	const struct report_format *format = NULL;
	char known[192] = "";
	size_t used = 0, longest = 0;

	if (name)
		format = report__by_name(name);
	for (size_t i = 0; !name && config->output && i < n_report_formats; i++) {
		const size_t n = strlen(report_formats[i].extension),
			     length = strlen(config->output);

		if (length > n + 1 && n > longest && config->output[length - n - 1] == '.' &&
		    !strcmp(config->output + length - n, report_formats[i].extension)) {
			format = &report_formats[i];
			longest = n;
		}
	}
	if (format || !name)
		return format ?: report__by_name(DEFAULT_FORMAT);
	for (size_t i = 0; i < n_report_formats && used < sizeof(known); i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
					 report_formats[i].name);
	err__set(err, -EINVAL, "'%s' is no format: there is %s", name, known);
	return NULL;
}

static const struct diff_format *choose_diff_format(const struct report_format *format,
						    struct err *err)
{
	const struct diff_format *diff = diff_format__by_name(format->name);
	char known[96] = "";
	size_t used = 0;

	if (diff)
		return diff;
	for (size_t i = 0; i < n_diff_formats && used < sizeof(known); i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
					 diff_formats[i].name);
	err__set(err, -EINVAL, "a comparison cannot be written as %s: there is %s", format->name,
		 known);
	return NULL;
}

/* Returns an enum exit_code, or -errno with err filled: what cannot be read. */
static int write_all(const struct config *config, const struct report_format *format,
		     const struct diff_format *diff, FILE *out, struct err *err)
{
	int r = diff ? write_diff(config, diff, out, err) : write_report(config, format, out, err);

	if (r >= 0 && (fflush(out) || ferror(out)))
		r = -errno;
	if (r >= 0 || r == -EPIPE)
		return EXIT_FINE;
	/* The recording was read, so the output is at fault. */
	if (!*err->what) {
		log_error("cannot write %s: %s", config->output ?: "to stdout", strerror(-r));
		return EXIT_INCONCLUSIVE;
	}
	return r;
}

static int run(const struct config *config)
{
	_cleanup_(file_close) FILE *file = NULL;
	const struct diff_format *diff = NULL;
	const struct report_format *format;
	struct err err = {};
	int r;

	format = choose_format(config, &err);
	if (format && config->diff)
		diff = choose_diff_format(format, &err);
	if (format && !diff && !config->diff && format->is_binary && !config->output &&
	    isatty(STDOUT_FILENO))
		err__set(&err, -EINVAL, "%s is not for a terminal: name a file with -o",
			 format->name);
	if (*err.what) {
		log_error("%s. Try 'loopstall report --help'.", err.what);
		return EXIT_USAGE;
	}
	if (config->output) {
		r = file__create_stream(&file, config->output, false);
		if (r < 0) {
			log_error("cannot create %s: %s", config->output, strerror(-r));
			return EXIT_USAGE;
		}
	}
	r = write_all(config, format, diff, file ?: stdout, &err);
	if (r >= 0)
		return r;
	return say_error(EXIT_USAGE, r, &err);
}

static const struct cli_option options[] = {
	{ .name = "format",
	  .letter = 'f',
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, format),
	  .argument = "NAME",
	  .values = CLI_VALUES_FORMAT,
	  .help = "output format, see below (default: by the name of the output, else text)",
	  .is_cli_only = true },
	{ .name = "output",
	  .letter = 'o',
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, output),
	  .argument = "FILE",
	  .values = CLI_VALUES_FILE,
	  .help = "write to this file (default: stdout); must not exist",
	  .is_cli_only = true },
	{ .name = "diff",
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, diff),
	  .argument = "OLDER",
	  .values = CLI_VALUES_FILE,
	  .help = "compare with this older recording",
	  .is_cli_only = true },
	CLI_OPTION_GROUP(.is_cli_only = true),
	CLI_OWN_OPTIONS,
	{ .name = NULL },
};

static void print_formats(FILE *out)
{
	fputs("\nFormats:\n", out);
	for (size_t i = 0; i < n_report_formats; i++)
		fprintf(out, "  %-12s%s\n", report_formats[i].name, report_formats[i].title);
}

const struct cli_command cmd_report = {
	.name = "report",
	.usage = "FILE [-f FORMAT] [-o FILE] [--diff OLDER]",
	.summary = "Converts a recording to any format",
	.print_details = print_formats,
	.options = options,
	.min_files = 1,
	.max_files = 1,
	.operands = CLI_VALUES_FILE,
	.run = run,
};
