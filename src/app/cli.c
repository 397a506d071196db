/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: getopt_long driven by the option tables, and the help made from the same
 * tables.
 */
#include "app/cli.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/duration.h"
#include "base/exit.h"
#include "base/similar.h"
#include "base/time.h"
#include "model/groups.h"

#define DEFAULT_BUDGET 0.02
#define DEFAULT_THRESHOLD_NS (10 * NS_PER_MS)
#define MAX_OPTIONS 48
#define HELP_COLUMN 32
#define FILE_ARGUMENT 1

const struct cli_option cli_common_options[] = {
	{ .name = "json",
	  .type = CLI_FLAG,
	  .offset = offsetof(struct config, is_json),
	  .help = "results as JSON, one object per line" },
	{ .name = "quiet",
	  .letter = 'q',
	  .type = CLI_FLAG,
	  .offset = offsetof(struct config, is_quiet),
	  .help = "only errors on stderr" },
	{ .name = "verbose",
	  .letter = 'v',
	  .type = CLI_FLAG,
	  .offset = offsetof(struct config, is_verbose),
	  .help = "log details of attaching on stderr; in text, a line for each stall" },
	{ .name = "help",
	  .letter = 'h',
	  .type = CLI_FLAG,
	  .offset = offsetof(struct config, wants_help),
	  .help = "this text" },
	{ .name = "version",
	  .letter = 'V',
	  .type = CLI_FLAG,
	  .offset = offsetof(struct config, wants_version),
	  .help = "the version of loopstall" },
	{ .name = NULL },
};

const struct cli_option cli_measure_options[] = {
	CLI_OPTION_PID("watch these processes"),
	CLI_OPTION_NAME("watch Python processes with NAME in their command line, new ones too"),
	{ .name = "duration",
	  .letter = 'd',
	  .type = CLI_DURATION,
	  .offset = offsetof(struct config, duration_ns),
	  .argument = "TIME",
	  .min_ns = NS_PER_MS,
	  .max_ns = 3600000 * NS_PER_S,
	  .help = "stop after this time (default: at Ctrl-C, or when all targets end)" },
	{ .name = "threshold",
	  .type = CLI_DURATION,
	  .offset = offsetof(struct config, threshold_ns),
	  .argument = "TIME",
	  .min_ns = 100000,
	  .max_ns = 3600 * NS_PER_S,
	  .help = "report steps that take at least this long (default 10ms)" },
	{ .name = "mode",
	  .type = CLI_MODE,
	  .offset = offsetof(struct config, mode),
	  .argument = "MODE",
	  .values = CLI_VALUES_MODE,
	  .help = "exact (time every step), light (no uprobes) or auto (default)" },
	{ .name = "budget",
	  .type = CLI_SHARE,
	  .offset = offsetof(struct config, budget),
	  .argument = "PERCENT",
	  .help = "CPU that exact timing may take of the busiest loop (default 2%)" },
	{ .name = "no-follow",
	  .type = CLI_FLAG,
	  .offset = offsetof(struct config, is_not_following),
	  .help = "do not watch the children of the targets" },
	{ .name = "wait",
	  .type = CLI_FLAG,
	  .offset = offsetof(struct config, is_patient),
	  .help = "with -n: wait until there is one (top does without being told)" },
	CLI_OWN_OPTIONS,
	{ .name = "no-native",
	  .type = CLI_FLAG,
	  .offset = offsetof(struct config, is_without_native),
	  .help = "do not look for the C functions inside a stall's Python frame" },
	{ .name = "no-request",
	  .type = CLI_FLAG,
	  .offset = offsetof(struct config, is_without_requests),
	  .help = "do not read the HTTP request and the test of a stall" },
	{ .name = "config",
	  .type = CLI_TEXT,
	  .offset = offsetof(struct config, file_path),
	  .argument = "FILE",
	  .values = CLI_VALUES_FILE,
	  .help = "configuration file (default: ~/.config/loopstall/config.ini)",
	  .is_cli_only = true },
	{ .name = NULL },
};

struct own_rules cli_own_rules(const struct config *config)
{
	return (struct own_rules){ .n_paths = config->own.n,
				   .paths = config->own.items,
				   .n_packages = config->own_package.n,
				   .packages = config->own_package.items };
}

const struct cli_command *cli_find(const struct cli_command *const *commands, const char *name)
{
	for (; *commands; commands++)
		if (!strcmp((*commands)->name, name))
			return *commands;
	return NULL;
}

void cli_list_names(const struct cli_command *const *commands, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (; *commands && used < size; commands++)
		used += snprintf(buf + used, size - used, "%s%s", used ? ", " : "",
				 (*commands)->name);
}

static bool has_pid(const struct config *config, pid_t pid)
{
	for (size_t i = 0; i < config->n_pids; i++)
		if (config->pids[i] == pid)
			return true;
	return false;
}

int cli_parse_pids(const char *text, struct config *config, struct err *err)
{
	for (const char *p = text;; p++) {
		char *end;
		long pid;

		/* strtol would take blanks and signs. */
		errno = 0;
		pid = *p >= '0' && *p <= '9' ? strtol(p, &end, 10) : 0;
		if (pid <= 0 || pid > INT_MAX || errno || (*end && *end != ','))
			return err__set(err, -EINVAL,
					"'%s' is not a pid or a list of pids, as in 4242 or 4242,"
					"4243",
					text);
		if (!has_pid(config, pid)) {
			if (config->n_pids == CLI_MAX_PIDS)
				return err__set(err, -EINVAL, "more than %d pids", CLI_MAX_PIDS);
			config->pids[config->n_pids++] = pid;
		}
		p = end;
		if (!*p)
			return 0;
	}
}

static int parse_duration(const struct cli_option *option, const char *text, uint64_t *ret_ns,
			  struct err *err)
{
	char min[32], max[32];
	uint64_t ns;
	int r;

	r = duration_parse(text, &ns, err);
	if (r < 0)
		return -EINVAL;
	if (ns < option->min_ns || ns > option->max_ns) {
		duration_format(option->min_ns, min, sizeof(min));
		duration_format(option->max_ns, max, sizeof(max));
		return err__set(err, -EINVAL, "--%s %s is out of range: it takes %s to %s",
				option->name, text, min, max);
	}
	*ret_ns = ns;
	return 0;
}

static int parse_mode(const char *text, enum measure_mode *ret_mode, struct err *err)
{
	if (!measure_mode_parse(text, ret_mode))
		return 0;
	return err__set(err, -EINVAL, "'%s' is not a mode: it is auto, exact or light", text);
}

int cli_parse_share(const char *option, const char *text, double most, double *ret_share,
		    struct err *err)
{
	char *end;
	double share = strtod(text, &end) / 100;

	/* strtod would take blanks, signs and "nan". */
	if (*text < '0' || *text > '9' || strcmp(end, "%"))
		return err__set(err, -EINVAL, "--%s %s is not a percentage as in 20%%", option,
				text);
	if (!(share <= most))
		return err__set(err, -EINVAL, "--%s %s is out of range: it takes up to %.0f%%",
				option, text, 100 * most);
	*ret_share = share;
	return 0;
}

static int parse_flag(const char *text, bool *ret_flag, struct err *err)
{
	if (text && strcmp(text, "yes") && strcmp(text, "no"))
		return err__set(err, -EINVAL, "'%s' is neither yes nor no", text);
	*ret_flag = !text || !strcmp(text, "yes");
	return 0;
}

static int parse_lints(const char *text, lint_mask *ret_mask, struct err *err)
{
	char bad[64], known[192] = "", hint[SIMILAR_BYTES];
	struct similar similar = SIMILAR_TO(bad);
	size_t used = 0;

	if (lint__parse_mask(text, ret_mask, bad, sizeof(bad)) >= 0)
		return 0;
	for (enum lint_id id = 0; id < LINT_MAX && used < sizeof(known); id++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s, ",
					 lint__name(id));
	for (enum lint_id id = 0; id < LINT_MAX; id++)
		similar__offer(&similar, lint__name(id));
	return err__set(err, -EINVAL, "'%s' is no lint%s: there is %sor all", bad,
			similar__hint(&similar, "", hint), known);
}

static int parse_group(const char *text, enum group_key *ret_key, struct err *err)
{
	const enum group_key key = group_key__by_word(text);
	char known[96] = "";

	if (key < GROUP_MAX) {
		*ret_key = key;
		return 0;
	}
	for (enum group_key i = 0; i < GROUP_MAX; i++)
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
			 !i			   ? "" :
				 i + 1 < GROUP_MAX ? ", " :
						     " and ",
			 group_key_word(i));
	return err__set(err, -EINVAL, "'%s' is nothing to group by: there is %s", text, known);
}

static int add_to_list(const struct cli_option *option, const char *text, struct cli_list *list,
		       struct err *err)
{
	if (!*text)
		return err__set(err, -EINVAL, "--%s is empty", option->name);
	if (list->n == CLI_MAX_LIST)
		return err__set(err, -EINVAL, "--%s is given more than %d times", option->name,
				CLI_MAX_LIST);
	list->items[list->n++] = text;
	return 0;
}

int cli_set(const struct cli_option *option, const char *text, struct config *config,
	    struct err *err)
{
	void *field = (char *)config + option->offset;

	switch (option->type) {
	case CLI_FLAG:
		return parse_flag(text, field, err);
	case CLI_DURATION:
		return parse_duration(option, text, field, err);
	case CLI_PIDS:
		return cli_parse_pids(text, config, err);
	case CLI_TEXT:
		if (!*text)
			return err__set(err, -EINVAL, "--%s is empty", option->name);
		*(const char **)field = text;
		return 0;
	case CLI_MODE:
		return parse_mode(text, field, err);
	case CLI_SHARE:
		return cli_parse_share(option->name, text, 1, field, err);
	case CLI_LINTS:
		return parse_lints(text, field, err);
	case CLI_GROUP:
		return parse_group(text, field, err);
	case CLI_LIST:
		return add_to_list(option, text, field, err);
	}
	return -EINVAL;
}

/* The tables of one command in the form getopt_long() reads. */
struct getopt_tables {
	size_t n;
	const struct cli_option *options[MAX_OPTIONS];
	struct option longs[MAX_OPTIONS + 1];
	char shorts[2 * MAX_OPTIONS + 3];
};

static void add_options(struct getopt_tables *t, const struct cli_option *option)
{
	char *letters = t->shorts + strlen(t->shorts);

	for (; option && option->name && t->n < MAX_OPTIONS; option++) {
		const bool has_argument = option->type != CLI_FLAG;

		t->options[t->n] = option;
		t->longs[t->n] = (struct option){
			.name = option->name,
			.has_arg = has_argument ? required_argument : no_argument,
			.val = UCHAR_MAX + 1 + (int)t->n,
		};
		t->n++;
		if (option->letter) {
			*letters++ = option->letter;
			if (has_argument)
				*letters++ = ':';
		}
	}
}

static const struct cli_option *find_option(const struct getopt_tables *t, int value)
{
	if (value > UCHAR_MAX)
		return t->options[value - UCHAR_MAX - 1];
	for (size_t i = 0; i < t->n; i++)
		if (t->options[i]->letter == value)
			return t->options[i];
	return NULL;
}

/* "--treshold=5ms" without its dashes and its value; then what it may have been meant for. */
static int refuse_option(const struct getopt_tables *t, const char *text, struct err *err)
{
	char name[64], hint[SIMILAR_BYTES];
	struct similar similar = SIMILAR_TO(name);

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(text + strspn(text, "-"), "="),
		 text + strspn(text, "-"));
	for (size_t i = 0; i < t->n; i++)
		similar__offer(&similar, t->options[i]->name);
	return err__set(err, -EINVAL, "unknown option '%s'%s", text,
			similar__hint(&similar, "--", hint));
}

static bool is_number(const char *text)
{
	return *text && !text[strspn(text, "0123456789")];
}

/* What is no option, and no file either, is mostly a target. */
static void hint_target(const struct cli_command *command, const char *text, char *hint,
			size_t size)
{
	*hint = '\0';
	if (command->needs_target)
		snprintf(hint, size,
			 is_number(text) ? "; for a process: -p %s" :
					   "; for processes by name: -n %s",
			 text);
}

static int check_target(const struct cli_command *command, const struct config *config,
			struct err *err)
{
	const char *or_file =
		command->needs_target && command->max_files ? ", or the FILE of a recording" : "";
	const char *targets =
		command->takes_command ? "-p PID, -n NAME or -- COMMAND" : "-p PID or -n NAME";
	const char *or_all = command->takes_everything ? ", or --all" : "";
	const int n = (config->n_pids > 0) + (config->name != NULL) + (config->command != NULL) +
		config->is_everything + (command->needs_target && config->n_files > 0);

	if (n > 1)
		return err__set(err, -EINVAL, "more than one kind of target: give %s%s%s", targets,
				or_file, or_all);
	if (command->needs_target && !command->lists_targets && n == 0)
		return err__set(err, -EINVAL, "no target: give %s%s%s%s", targets,
				command->takes_command ? " to start one" : "", or_file, or_all);
	if (config->n_files < command->min_files)
		return err__set(err, -EINVAL, "no file: give the FILE of a recording");
	return 0;
}

static int take_file(const struct cli_command *command, const char *name, struct config *config,
		     struct err *err)
{
	if (config->n_files == command->max_files)
		return err__set(err, -EINVAL, "'%s' is one argument too many", name);
	if (command->needs_target && is_number(name) && access(name, F_OK) < 0)
		return err__set(err, -EINVAL, "there is no file %s; for a process: -p %s", name,
				name);
	config->files[config->n_files++] = name;
	return 0;
}

/* What is left behind the options: nothing, or a command behind "--". */
static int take_command(const struct cli_command *command, int argc, char **argv,
			struct config *config, struct err *err)
{
	const bool has_dashes = optind > 1 && !strcmp(argv[optind - 1], "--");
	char hint[96];

	if (optind == argc)
		return has_dashes && command->takes_command ?
			err__set(err, -EINVAL, "nothing follows --") :
			0;
	if (!command->takes_command)
		return err__set(err, -EINVAL, "'%s' is one argument too many", argv[optind]);
	if (!has_dashes) {
		hint_target(command, argv[optind], hint, sizeof(hint));
		return err__set(err, -EINVAL,
				"'%s' is not an option%s; a command to start goes behind --",
				argv[optind], hint);
	}
	config->command = argv + optind;
	return 0;
}

struct config cli_defaults(void)
{
	return (struct config){ .threshold_ns = DEFAULT_THRESHOLD_NS, .budget = DEFAULT_BUDGET };
}

/*
 * '+' stops at the first argument that is no option, '-' returns it as the value of FILE_ARGUMENT;
 * ':' makes a missing value a code of its own.
 */
static void getopt_tables__fill(struct getopt_tables *t, const struct cli_command *command)
{
	strcpy(t->shorts, command->max_files ? "-:" : "+:");
	add_options(t, command->options);
	if (command->measures)
		add_options(t, cli_measure_options);
	add_options(t, cli_common_options);
}

int cli_parse(const struct cli_command *command, const struct config *base, int argc, char **argv,
	      struct config *ret_config, struct err *err)
{
	struct getopt_tables t = { .shorts = "" };
	struct config config = base ? *base : cli_defaults();
	int value, r;

	getopt_tables__fill(&t, command);
	opterr = 0;
	optind = 0; /* glibc: start anew */
	while ((value = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1) {
		const struct cli_option *option;

		if (value == ':')
			return err__set(err, -EINVAL, "%s needs a value", argv[optind - 1]);
		if (value == '?' && optopt > 0 && optopt <= UCHAR_MAX)
			return err__set(err, -EINVAL, "unknown option '-%c'", optopt);
		if (value == '?')
			return refuse_option(&t, argv[optind - 1], err);
		option = value == FILE_ARGUMENT ? NULL : find_option(&t, value);
		r = option ? cli_set(option, optarg, &config, err) :
			     take_file(command, optarg, &config, err);
		if (r < 0)
			return r;
	}
	if (!config.wants_help && !config.wants_version) {
		r = take_command(command, argc, argv, &config, err);
		if (r < 0)
			return r;
		r = check_target(command, &config, err);
		if (r < 0)
			return r;
	}
	*ret_config = config;
	return 0;
}

static void print_options(FILE *out, const struct cli_option *option)
{
	for (; option && option->name; option++) {
		int width = fprintf(out, "  ");

		if (option->letter)
			width += fprintf(out, "-%c, ", option->letter);
		else
			width += fprintf(out, "    ");
		width += fprintf(out, "--%s", option->name);
		if (option->argument)
			width += fprintf(out, " %s", option->argument);
		fprintf(out, "%*s%s\n", width < HELP_COLUMN ? HELP_COLUMN - width : 1, "",
			option->help);
	}
}

void cli_print_command_help(FILE *out, const struct cli_command *command)
{
	fprintf(out, "Usage: loopstall %s%s%s\n\n%s.\n\n", command->name,
		*command->usage ? " " : "", command->usage, command->summary);
	print_options(out, command->options);
	if (command->measures)
		print_options(out, cli_measure_options);
	if (command->options || command->measures)
		fputc('\n', out);
	print_options(out, cli_common_options);
	if (command->details)
		fprintf(out, "\n%s\n", command->details);
	if (command->print_details)
		command->print_details(out);
}

void cli_print_help(FILE *out, const struct cli_command *const *commands)
{
	fputs("Usage: loopstall COMMAND [options]\n\n"
	      "Finds what starves the event loop of a running Python process, from outside.\n\n",
	      out);
	for (; *commands; commands++)
		fprintf(out, "  %-12s%s\n", (*commands)->name, (*commands)->summary);
	fputs("\n'loopstall COMMAND --help' lists the options of a command.\n\nExit codes:\n", out);
#define _(name, code, sentence) fprintf(out, "  %d  %s\n", code, sentence);
	EXIT_CODES(_)
#undef _
}
