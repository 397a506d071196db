/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: what each command is called, which options it takes, and what they were set
 * to. Tables drive parsing, ranges and help, so an option is written down once. Does not print,
 * except the help it is asked for, and does not exit.
 */
#ifndef LOOPSTALL_APP_CLI_H
#define LOOPSTALL_APP_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/err.h"
#include "model/lint.h"
#include "model/model.h"
#include "session/measure_mode.h"

#define CLI_MAX_PIDS 64
#define CLI_MAX_FILES 2

/* "20%" as 0.2; up to `most`. 0 or -EINVAL with err filled. */
int cli_parse_share(const char *option, const char *text, double most, double *ret_share,
		    struct err *err);

struct config_file;

#define CLI_MAX_LIST 64

/* The values of an option that may be given several times, in their order. */
struct cli_list {
	size_t n;
	const char *items[CLI_MAX_LIST];
};

/* Of `check`. NULL, 0 and empty: not given. */
struct check_config {
	struct cli_list max_step, p99_step, deny, allow;
	const char *max_stalls, *min_steps, *max_regression;
	uint64_t max_starved_ns, max_turn_ns;
	const char *allow_file, *baseline, *save_baseline, *root;
	const char *junit, *sarif, *markdown, *json_file;
	bool wants_github;
};

/* What the user asked for. Strings point into argv, or belong to `file`. */
struct config {
	const struct config_file *file; /* the configuration file this is based on; NULL if none */
	const char *file_path; /* of --config; NULL if not given */
	size_t n_pids;
	pid_t pids[CLI_MAX_PIDS];
	const char *name; /* NULL if not given */
	bool is_patient; /* waits for one of that name */
	char **command; /* NULL, or arguments up to a NULL */
	size_t n_files;
	const char *files[CLI_MAX_FILES]; /* that are named without an option: recordings */
	const char *format, *diff; /* of a report; NULL if not given */
	const char *top_baseline; /* a recording; NULL if not given */
	uint64_t duration_ns; /* 0: until stopped */
	uint64_t threshold_ns;
	enum measure_mode mode;
	/* of mode auto: share of a core that exact timing may take of the busiest loop */
	double budget;
	bool is_not_following;
	bool is_without_native; /* no native frames */
	bool is_without_requests; /* neither requests nor tests */
	bool is_without_sources; /* no source lines in a recording */
	const char *screen, *sort, *filter, *columns; /* of the dashboard; NULL if not given */
	const char *theme; /* NULL if not given */
	const char *output, *max_size, *keep; /* of a recording; NULL if not given */
	const char *otlp; /* NULL if not given */
	struct cli_list otlp_headers;
	const char *otlp_header_file, *otlp_ca;
	uint64_t otlp_interval_ns;
	uint64_t ring_ns, on_stall_ns; /* of a flight recorder; 0 if not given */
	bool is_on_exit;
	bool is_everything; /* of the server: every event loop of the machine */
	const char *listen, *web_config, *max_series; /* NULL if not given */
	bool is_insecure_listen, may_record;
	uint64_t refresh_ns; /* of the dashboard's numbers; 0 if not given */
	lint_mask lints_off;
	enum group_key group; /* of the rows of tables */
	struct cli_list own, own_package; /* what counts as the user's code as well */
	struct check_config check;
	bool is_json, is_quiet, is_verbose;
	bool wants_help, wants_version;
};

enum cli_type {
	CLI_FLAG, /* bool; in a file: yes or no */
	CLI_DURATION, /* uint64_t within min_ns ... max_ns */
	CLI_PIDS, /* adds to n_pids, pids */
	CLI_TEXT, /* const char *, not empty */
	CLI_MODE, /* enum measure_mode */
	CLI_SHARE, /* double: "2%" is 0.02 */
	CLI_LINTS, /* lint_mask */
	CLI_GROUP, /* enum group_key */
	CLI_LIST, /* struct cli_list; each time adds one */
};

/* What a value can be, for shell completion. */
enum cli_values {
	CLI_VALUES_ANY,
	CLI_VALUES_FILE,
	CLI_VALUES_FOLDER,
	CLI_VALUES_PID,
	CLI_VALUES_MODE,
	CLI_VALUES_FORMAT,
	CLI_VALUES_SCREEN,
	CLI_VALUES_THEME,
	CLI_VALUES_COLUMN,
	CLI_VALUES_LINT,
	CLI_VALUES_GROUP,
	CLI_VALUES_CAUSE,
	CLI_VALUES_SHELL,
};

struct cli_option {
	const char *name; /* long name, without the dashes; a NULL name ends a table */
	char letter; /* 0 if it has none */
	enum cli_type type;
	size_t offset; /* into struct config */
	/* what stands for its value in the help; NULL for a flag. With a comma: takes a list */
	const char *argument;
	enum cli_values values;
	const char *help;
	uint64_t min_ns, max_ns;
	bool is_cli_only; /* not in a configuration file */
};

/* The two options that choose processes; what is done with them, the command says. */
#define CLI_OPTION_PID(help_text)                                                                  \
	{                                                                                          \
		.name = "pid", .letter = 'p', .type = CLI_PIDS, .argument = "PID[,PID...]",        \
		.values = CLI_VALUES_PID, .help = (help_text), .is_cli_only = true                 \
	}
#define CLI_OPTION_NAME(help_text)                                                                 \
	{                                                                                          \
		.name = "name", .letter = 'n', .type = CLI_TEXT,                                   \
		.offset = offsetof(struct config, name), .argument = "NAME", .help = (help_text),  \
		.is_cli_only = true                                                                \
	}

struct cli_command {
	const char *name;
	const char *usage; /* what follows the name */
	const char *summary;
	const char *details; /* sentences at the end of its help; NULL for none */
	/* its own, or NULL; those in cli_common_options are added */
	const struct cli_option *options;
	bool measures; /* takes cli_measure_options as well */
	bool needs_target; /* -p, -n or a command must be there */
	bool lists_targets; /* without one it lets the user choose */
	bool takes_everything; /* --all is a target */
	bool has_own_file; /* a loopstall.ini in the working directory is read */
	bool takes_command; /* arguments after -- are a command to start */
	/* how many it takes; with needs_target, one instead of a target */
	size_t min_files, max_files;
	enum cli_values operands; /* what those arguments can be */
	void (*print_details)(FILE *out); /* more of its help, or NULL */
	int (*run)(const struct config *config); /* returns an enum exit_code */
};

extern const struct cli_option cli_common_options[];
/* Of every command that measures: targets, duration, threshold, mode, configuration file. */
extern const struct cli_option cli_measure_options[];

/* Of all commands that show stalls. */
/* What the rows of the tables of a report, or of the dashboard, are. */
#define CLI_OPTION_GROUP(...)                                                                      \
	{                                                                                          \
		.name = "group", .type = CLI_GROUP, .offset = offsetof(struct config, group),      \
		.argument = "KEY", .values = CLI_VALUES_GROUP,                                     \
		.help = "rows by coroutine, entry, route, file, task, test, process or auto",      \
		__VA_ARGS__                                                                        \
	}

#define CLI_OWN_OPTIONS                                                                            \
	{ .name = "own",                                                                           \
	  .type = CLI_LIST,                                                                        \
	  .offset = offsetof(struct config, own),                                                  \
	  .argument = "PATH",                                                                      \
	  .values = CLI_VALUES_FILE,                                                               \
	  .help = "files below this folder are your code as well" },                               \
	{                                                                                          \
		.name = "own-package", .type = CLI_LIST,                                           \
		.offset = offsetof(struct config, own_package), .argument = "NAME",                \
		.help = "this installed package is your code as well"                              \
	}
/* What they were given; points into `config`. */
struct own_rules cli_own_rules(const struct config *config);

/* The command of that name in a list that ends with NULL; NULL if there is none. */
const struct cli_command *cli_find(const struct cli_command *const *commands, const char *name);
/* "trace, ls, doctor" */
void cli_list_names(const struct cli_command *const *commands, char *buf, size_t size);

struct config cli_defaults(void);

/*
 * Reads argv[1...] into ret_config, over `base` (NULL: the defaults). 0 or -EINVAL with err filled.
 */
int cli_parse(const struct cli_command *command, const struct config *base, int argc, char **argv,
	      struct config *ret_config, struct err *err);

/* Sets one option; `text` is NULL for a flag that has no value. 0 or -EINVAL with err filled. */
int cli_set(const struct cli_option *option, const char *text, struct config *config,
	    struct err *err);

void cli_print_help(FILE *out, const struct cli_command *const *commands);
void cli_print_command_help(FILE *out, const struct cli_command *command);

/*
 * Reads "4242" or "4242,4243" and adds it to the list; the same pid twice counts once. 0 or
 * -EINVAL.
 */
int cli_parse_pids(const char *text, struct config *config, struct err *err);

#endif
