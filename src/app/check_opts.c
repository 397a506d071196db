/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See check_opts.h.
 */
#include "app/check_opts.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/duration.h"
#include "base/cleanup.h"
#include "base/time.h"

#define MAX_ALLOW_BYTES (1 << 20)
#define MAX_NS (3600 * NS_PER_S)

#define FIELD(name) offsetof(struct config, check.name)
#define LIST(long_name, field, arg, text)                                                          \
	{                                                                                          \
		.name = long_name, .type = CLI_LIST, .offset = FIELD(field), .argument = arg,      \
		.help = text                                                                       \
	}
#define TEXT(long_name, field, arg, text)                                                          \
	{                                                                                          \
		.name = long_name, .type = CLI_TEXT, .offset = FIELD(field), .argument = arg,      \
		.help = text                                                                       \
	}
#define PATH(long_name, field, arg, kind, text)                                                    \
	{                                                                                          \
		.name = long_name, .type = CLI_TEXT, .offset = FIELD(field), .argument = arg,      \
		.values = CLI_VALUES_##kind, .help = text                                          \
	}
#define TIME(long_name, field, text)                                                               \
	{                                                                                          \
		.name = long_name, .type = CLI_DURATION, .offset = FIELD(field),                   \
		.argument = "TIME", .help = text, .min_ns = 100000, .max_ns = MAX_NS               \
	}

const struct cli_option check_options[] = {
	LIST("max-step", max_step, "[GLOB=]TIME",
	     "no step takes longer; GLOB: coroutine, task or file"),
	LIST("p99-step", p99_step, "[GLOB=]TIME", "99 % of a coroutine's steps are not longer"),
	TEXT("max-stalls", max_stalls, "N", "at most this many stalls"),
	TIME("max-starved", max_starved_ns, "total time that ready tasks wait for stalls, at most"),
	TIME("max-turn", max_turn_ns, "no iteration of the loop takes longer"),
	{ .name = "deny",
	  .type = CLI_LIST,
	  .offset = FIELD(deny),
	  .argument = "CAUSE[,CAUSE...]",
	  .values = CLI_VALUES_CAUSE,
	  .help = "no step spends the threshold on sleep, network, dns, ..." },
	LIST("allow", allow, "ENTRY",
	     "forgive FILE:LINE, or a glob on function, coroutine, task, file"),
	PATH("allow-file", allow_file, "FILE", FILE, "entries with reasons and dates, one a line"),
	TEXT("min-steps", min_steps, "N", "fewer steps are inconclusive (default 100)"),
	PATH("baseline", baseline, "FILE", FILE, "compare with these runs"),
	TEXT("max-regression", max_regression, "N%",
	     "how much longer steps may take (default 20%)"),
	PATH("save-baseline", save_baseline, "FILE", FILE,
	     "add this run to a baseline, unless it failed"),
	PATH("root", root, "DIR", FOLDER, "of the repository (default: where .git is)"),
	PATH("junit", junit, "FILE", FILE, "write JUnit XML"),
	PATH("sarif", sarif, "FILE", FILE, "write SARIF 2.1.0"),
	PATH("markdown", markdown, "FILE", FILE, "write a summary in Markdown"),
	PATH("json-file", json_file, "FILE", FILE, "write what --json prints"),
	{ .name = "github",
	  .type = CLI_FLAG,
	  .offset = FIELD(wants_github),
	  .help = "annotations for GitHub Actions, on stdout" },
	{ .name = NULL },
};

/* "[GLOB=]TIME": the pattern may hold an equals sign, the time does not. */
static int add_step_limit(struct check_step_limits *limits, const char *option, const char *text,
			  struct err *err)
{
	const char *equals = strrchr(text, '=');
	const char *time = equals ? equals + 1 : text;
	struct err fault = {};
	uint64_t ns;

	if (duration_parse(time, &ns, &fault) < 0)
		return err__set(err, -EINVAL, "--%s %s: %s", option, text, fault.what);
	if (!ns)
		return err__set(err, -EINVAL, "--%s %s: every step takes some time", option, text);
	return check_step_limits__add(limits, text, equals ? (size_t)(equals - text) : 0, ns, err);
}

static int add_step_limits(struct check_step_limits *limits, const char *option,
			   const struct cli_list *list, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < list->n && r >= 0; i++)
		r = add_step_limit(limits, option, list->items[i], err);
	return r;
}

static int parse_count(const char *option, const char *text, uint64_t *ret, struct err *err)
{
	char *end;

	if (!text)
		return 0;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9')
		return err__set(err, -EINVAL, "--%s %s is not a number", option, text);
	return 0;
}

int check_opts__limits(const struct config *config, struct check_limits *ret, struct err *err)
{
	const struct check_config *c = &config->check;
	int r;

	check_limits__init(ret);
	ret->threshold_ns = config->threshold_ns;
	if (c->max_starved_ns)
		ret->max_starved_ns = c->max_starved_ns;
	if (c->max_turn_ns)
		ret->max_turn_ns = c->max_turn_ns;
	r = add_step_limits(&ret->max_step, "max-step", &c->max_step, err);
	if (r >= 0)
		r = add_step_limits(&ret->p99_step, "p99-step", &c->p99_step, err);
	if (r >= 0)
		r = parse_count("max-stalls", c->max_stalls, &ret->max_stalls, err);
	if (r >= 0)
		r = parse_count("min-steps", c->min_steps, &ret->min_steps, err);
	if (r >= 0 && c->max_regression)
		r = cli_parse_share("max-regression", c->max_regression, 100, &ret->max_regression,
				    err);
	for (size_t i = 0; i < c->deny.n && r >= 0; i++)
		r = check_limits__deny(ret, c->deny.items[i], err);
	return r;
}

static int read_allow_file(struct check_allow *allow, const char *path, struct err *err)
{
	_cleanup_(file_close) FILE *in = fopen(path, "re");
	_cleanup_free_ char *text = NULL;
	size_t n;

	if (!in)
		return err__set(err, -errno, "cannot read the allow file %s: %s", path,
				strerror(errno));
	text = malloc(MAX_ALLOW_BYTES + 1);
	if (!text)
		return err__set(err, -ENOMEM, "out of memory");
	n = fread(text, 1, MAX_ALLOW_BYTES, in);
	if (ferror(in) || !feof(in))
		return err__set(err, -EFBIG, "cannot read the allow file %s: %s", path,
				ferror(in) ? strerror(errno) : "it is larger than 1 MiB");
	text[n] = '\0';
	return check_allow__parse(allow, text, path, err);
}

int check_opts__allow(const struct config *config, struct check_allow *ret, struct err *err)
{
	const struct check_config *c = &config->check;
	char today[CHECK_DATE_BYTES];
	const time_t now = time(NULL);
	struct tm tm;
	int r = 0;

	gmtime_r(&now, &tm);
	strftime(today, sizeof(today), "%Y-%m-%d", &tm);
	check_allow__init(ret, today);
	for (size_t i = 0; i < c->allow.n && r >= 0; i++)
		r = check_allow__add(ret, c->allow.items[i], 0, err);
	if (r >= 0 && c->allow_file)
		r = read_allow_file(ret, c->allow_file, err);
	return r;
}

int check_opts__root(const struct config *config, char *buf, size_t size, struct err *err)
{
	const char *start = config->check.root ? config->check.root : ".";
	char path[PATH_MAX], mark[PATH_MAX + sizeof("/.git")];
	char *slash;

	if (!realpath(start, path))
		return err__set(err, -errno, "cannot find the folder %s: %s", start,
				strerror(errno));
	snprintf(buf, size, "%s", path);
	while (!config->check.root && *path) {
		snprintf(mark, sizeof(mark), "%s/.git", path);
		if (!access(mark, F_OK)) {
			snprintf(buf, size, "%s", path);
			break;
		}
		slash = strrchr(path, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	return 0;
}
