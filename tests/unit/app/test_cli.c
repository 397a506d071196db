/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: what each option sets, what is refused and in which words, and that the help
 * says everything the tables hold.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli.h"
#include "app/commands.h"
#include "base/exit.h"

#define MAX_ARGS 16

/* Splits `line` at blanks and parses it; the words live until the next call. */
static int parse(const struct cli_command *command, const char *line, struct config *config,
		 struct err *err)
{
	static char *argv[MAX_ARGS + 1];
	static char copy[256];
	char *save = NULL;
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok_r(copy, " ", &save); word && argc < MAX_ARGS;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = strcmp(word, "''") ? word : strchr(word, '\0');
	argv[argc] = NULL;
	return cli_parse(command, NULL, argc, argv, config, err);
}

static struct config accept(const struct cli_command *command, const char *line)
{
	struct config config = {};
	struct err err = {};

	cr_assert_eq(parse(command, line, &config, &err), 0, "%s: %s", line, err.what);
	return config;
}

static void refuse(const struct cli_command *command, const char *line, const char *word)
{
	struct config config = {};
	struct err err = {};

	cr_expect_eq(parse(command, line, &config, &err), -EINVAL, "%s was taken", line);
	cr_expect(strstr(err.what, word), "%s: \"%s\" does not say \"%s\"", line, err.what, word);
	cr_expect_null(strchr(err.what, '\n'), "%s: more than one line", line);
}

Test(app_cli, defaults)
{
	struct config c = accept(&cmd_trace, "trace -p 1");

	cr_expect_eq(c.threshold_ns, 10000000);
	cr_expect_eq(c.duration_ns, 0);
	cr_expect_eq(c.mode, MEASURE_MODE_AUTO);
	cr_expect_not(c.is_json || c.is_quiet || c.is_verbose || c.wants_help || c.wants_version);
	cr_expect_null(c.name);
	cr_expect_null(c.command);
}

Test(app_cli, every_option)
{
	struct config c = accept(&cmd_trace,
				 "trace -p 4242,17 --duration 1.5s --threshold=250us "
				 "--mode exact --json -q -v");

	cr_expect_eq(c.n_pids, 2);
	cr_expect_eq(c.pids[0], 4242);
	cr_expect_eq(c.pids[1], 17);
	cr_expect_eq(c.duration_ns, 1500000000);
	cr_expect_eq(c.threshold_ns, 250000);
	cr_expect_eq(c.mode, MEASURE_MODE_EXACT);
	cr_expect(c.is_json && c.is_quiet && c.is_verbose);
	cr_expect_str_eq(accept(&cmd_trace, "trace -n uvicorn -d 3s").name, "uvicorn");
	cr_expect_eq(accept(&cmd_doctor, "doctor --pid=3").pids[0], 3);
	cr_expect(accept(&cmd_ls, "ls --json").is_json);
}

Test(app_cli, command_keeps_its_own_options)
{
	struct config c = accept(&cmd_trace, "trace -d 2s -- python3 -m app --json -p 1");

	cr_assert_not_null(c.command);
	cr_expect_str_eq(c.command[0], "python3");
	cr_expect_str_eq(c.command[3], "--json");
	cr_expect_str_eq(c.command[5], "1");
	cr_expect_null(c.command[6]);
	cr_expect_not(c.is_json);
	cr_expect_eq(c.n_pids, 0);
}

Test(app_cli, record_takes_what_trace_takes_and_its_own)
{
	struct config c =
		accept(&cmd_record, "record -n uvicorn -d 3s -o x.ls --max-size 100M --keep 3");

	cr_expect_str_eq(c.name, "uvicorn");
	cr_expect_eq(c.duration_ns, 3000000000);
	cr_expect_str_eq(c.output, "x.ls");
	cr_expect_str_eq(c.max_size, "100M");
	cr_expect_str_eq(c.keep, "3");
	refuse(&cmd_record, "record -o x.ls", "no target");
	refuse(&cmd_record, "record -p 1 -o", "-o needs a value");
	refuse(&cmd_trace, "trace -p 1 -o x.ls", "unknown option '-o'");
}

Test(app_cli, top_takes_what_trace_takes_and_its_own)
{
	struct config c = accept(&cmd_top,
				 "top -p 4242 -d 3s --threshold 20ms --screen stalls "
				 "--sort max --filter cause:sleep --columns name,max");

	cr_expect_eq(c.pids[0], 4242);
	cr_expect_eq(c.duration_ns, 3000000000);
	cr_expect_eq(c.threshold_ns, 20000000);
	cr_expect_str_eq(c.screen, "stalls");
	cr_expect_str_eq(c.sort, "max");
	cr_expect_str_eq(c.filter, "cause:sleep");
	cr_expect_str_eq(c.columns, "name,max");
	c = accept(&cmd_top, "top -p 1 --refresh 250ms --no-lint cpu-hog,sync-dns --config x.ini");
	cr_expect_eq(c.refresh_ns, 250000000);
	cr_expect_eq(c.lints_off, 1u << LINT_CPU_HOG | 1u << LINT_SYNC_DNS);
	cr_expect_str_eq(c.file_path, "x.ini");
	c = accept(&cmd_top, "top -n uvicorn");
	cr_expect(!c.refresh_ns && !c.lints_off && !c.file_path);
	cr_expect(!c.screen && !c.sort && !c.filter && !c.columns);
	cr_expect_not_null(accept(&cmd_top, "top -- python3 -m app").command);
	cr_expect_eq(accept(&cmd_top, "top").n_pids, 0);
	refuse(&cmd_top, "top -p 1 --sort", "--sort needs a value");
	refuse(&cmd_top, "top -p 1 --screen ''", "empty");
	refuse(&cmd_top, "top -p 1 --refresh 50ms", "100 ms to 10 s");
	refuse(&cmd_top, "top -p 1 --refresh 11s", "100 ms to 10 s");
	refuse(&cmd_top, "top -p 1 --no-lint cpu-hog,nonsense", "'nonsense' is no lint");
	refuse(&cmd_top, "top -p 1 --no-lint nonsense", "blocking-call, cpu-hog");
	refuse(&cmd_trace, "trace -p 1 --sort max", "unknown option '--sort'");
}

Test(app_cli, flags_of_a_file_say_yes_or_no)
{
	const struct cli_option *verbose = cli_common_options;
	struct config config = {};
	struct err err = {};

	while (strcmp(verbose->name, "verbose"))
		verbose++;
	cr_expect_eq(cli_set(verbose, "yes", &config, &err), 0);
	cr_expect(config.is_verbose);
	cr_expect_eq(cli_set(verbose, "no", &config, &err), 0);
	cr_expect_not(config.is_verbose);
	cr_expect_eq(cli_set(verbose, "maybe", &config, &err), -EINVAL);
	cr_expect(strstr(err.what, "yes"), "%s", err.what);
}

Test(app_cli, what_is_set_before_stays_unless_named)
{
	const struct config base = { .threshold_ns = 20000000, .screen = "stalls", .sort = "max" };
	char words[][8] = { "top", "-p", "1", "--sort", "starved" };
	char *argv[] = { words[0], words[1], words[2], words[3], words[4], NULL };
	struct config c = {};
	struct err err = {};

	cr_assert_eq(cli_parse(&cmd_top, &base, 5, argv, &c, &err), 0, "%s", err.what);
	cr_expect_eq(c.threshold_ns, 20000000);
	cr_expect_str_eq(c.screen, "stalls");
	cr_expect_str_eq(c.sort, "starved");
}

Test(app_cli, targets)
{
	refuse(&cmd_trace, "trace", "no target");
	refuse(&cmd_trace, "trace -p 1 -n x", "more than one kind of target");
	refuse(&cmd_trace, "trace -p 1 -- true", "more than one kind of target");
	refuse(&cmd_trace, "trace --", "nothing follows --");
	refuse(&cmd_trace, "trace python3", "behind --");
	refuse(&cmd_trace, "trace -p 1 extra", "behind --");
	refuse(&cmd_trace, "trace -n ''", "empty");
	refuse(&cmd_ls, "ls extra", "one argument too many");
	refuse(&cmd_ls, "ls -- extra", "one argument too many");
	accept(&cmd_doctor, "doctor");
}

Test(app_cli, unknown_and_incomplete_options)
{
	refuse(&cmd_trace, "trace --bogus", "unknown option '--bogus'");
	refuse(&cmd_trace, "trace -p 1 --treshold 5ms", "(did you mean '--threshold'?)");
	refuse(&cmd_trace, "trace -p 1 --treshold=5ms", "(did you mean '--threshold'?)");
	refuse(&cmd_trace, "trace --pidd 1", "(did you mean '--pid'?)");
	refuse(&cmd_top, "top -p 1 --no-lint cpu-hgo", "(did you mean 'cpu-hog'?)");
	refuse(&cmd_trace, "trace 1234", "'1234' is not an option; for a process: -p 1234");
	refuse(&cmd_trace, "trace uvicorn", "for processes by name: -n uvicorn");
	refuse(&cmd_top, "top 123456789",
	       "there is no file 123456789; for a process: -p 123456789");
	refuse(&cmd_trace, "trace -z", "unknown option '-z'");
	refuse(&cmd_trace, "trace -qz -p 1", "unknown option '-z'");
	refuse(&cmd_trace, "trace -p", "-p needs a value");
	refuse(&cmd_trace, "trace --threshold", "--threshold needs a value");
	refuse(&cmd_trace, "trace --json=yes -p 1", "--json=yes");
	refuse(&cmd_ls, "ls -p 1", "unknown option '-p'");
	refuse(&cmd_doctor, "doctor --threshold 1ms", "unknown option '--threshold'");
	/* Contract options of capabilities that are not there yet are not taken silently. */
}

Test(app_cli, ranges)
{
	cr_expect_eq(accept(&cmd_trace, "trace -p 1 --threshold 100us").threshold_ns, 100000);
	cr_expect_eq(accept(&cmd_trace, "trace -p 1 --threshold 60m").threshold_ns, 3600000000000);
	refuse(&cmd_trace, "trace -p 1 --threshold 99us", "it takes 100 us to 60 m");
	refuse(&cmd_trace, "trace -p 1 --threshold 61m", "it takes 100 us to 60 m");
	refuse(&cmd_trace, "trace -p 1 --threshold 10", "'10' has no unit");
	refuse(&cmd_trace, "trace -p 1 -d 0s", "--duration 0s is out of range");
	refuse(&cmd_trace, "trace -p 1 -d 5", "'5' has no unit");
}

Test(app_cli, modes)
{
	cr_expect_eq(accept(&cmd_trace, "trace -p 1 --mode light").mode, MEASURE_MODE_LIGHT);
	cr_expect_eq(accept(&cmd_trace, "trace -p 1 --mode auto").mode, MEASURE_MODE_AUTO);
	cr_expect_float_eq(accept(&cmd_trace, "trace -p 1").budget, 0.02, 1e-9);
	cr_expect_float_eq(accept(&cmd_trace, "trace -p 1 --budget 0.5%").budget, 0.005, 1e-9);
	refuse(&cmd_trace, "trace -p 1 --budget 2", "not a percentage");
	refuse(&cmd_trace, "trace -p 1 --budget -1%", "not a percentage");
	refuse(&cmd_trace, "trace -p 1 --budget nan%", "not a percentage");
	refuse(&cmd_trace, "trace -p 1 --budget 101%", "out of range");
	refuse(&cmd_trace, "trace -p 1 --mode fast", "'fast' is not a mode");
	refuse(&cmd_trace, "trace -p 1 --mode ''", "is not a mode");
}

Test(app_cli, help_and_version_need_no_target)
{
	cr_expect(accept(&cmd_trace, "trace --help").wants_help);
	cr_expect(accept(&cmd_trace, "trace -h").wants_help);
	cr_expect(accept(&cmd_ls, "ls --version").wants_version);
	refuse(&cmd_trace, "trace --help --bogus", "unknown option");
}

Test(app_cli, parsing_twice_starts_anew)
{
	cr_expect_eq(accept(&cmd_trace, "trace -p 1 -q").n_pids, 1);
	cr_expect_eq(accept(&cmd_trace, "trace -q -p 2").pids[0], 2);
}

static void expect_pids(const char *text, int code, size_t n)
{
	struct config c = {};
	struct err err = {};

	cr_expect_eq(cli_parse_pids(text, &c, &err), code, "'%s'", text);
	if (code == 0)
		cr_expect_eq(c.n_pids, n, "'%s' is %zu pids", text, c.n_pids);
	else
		cr_expect(strstr(err.what, "pid"), "'%s': %s", text, err.what);
}

Test(app_cli, pid_lists)
{
	expect_pids("1", 0, 1);
	expect_pids("1,2,3", 0, 3);
	expect_pids("7,7,7", 0, 1);
	expect_pids("2147483647", 0, 1);
	expect_pids("2147483648", -EINVAL, 0);
	expect_pids("99999999999999999999", -EINVAL, 0);
	expect_pids("", -EINVAL, 0);
	expect_pids("0", -EINVAL, 0);
	expect_pids("-1", -EINVAL, 0);
	expect_pids("+1", -EINVAL, 0);
	expect_pids(" 1", -EINVAL, 0);
	expect_pids("1,", -EINVAL, 0);
	expect_pids(",1", -EINVAL, 0);
	expect_pids("1,,2", -EINVAL, 0);
	expect_pids("1 2", -EINVAL, 0);
	expect_pids("0x10", -EINVAL, 0);
	expect_pids("abc", -EINVAL, 0);
}

Test(app_cli, pid_list_is_bounded)
{
	char list[8 * (CLI_MAX_PIDS + 1)] = "";
	size_t used = 0;

	for (int i = 1; i <= CLI_MAX_PIDS; i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%d", i > 1 ? "," : "",
					 i);
	expect_pids(list, 0, CLI_MAX_PIDS);
	snprintf(list + used, sizeof(list) - used, ",1000");
	expect_pids(list, -EINVAL, 0);
}

Test(app_cli, commands_are_found_by_their_whole_name)
{
	const struct cli_command *const commands[] = { &cmd_trace, &cmd_ls, &cmd_doctor, NULL };
	char names[64];

	cr_expect_eq(cli_find(commands, "ls"), &cmd_ls);
	cr_expect_null(cli_find(commands, "l"));
	cr_expect_null(cli_find(commands, "lsx"));
	cr_expect_null(cli_find(commands, ""));
	cli_list_names(commands, names, sizeof(names));
	cr_expect_str_eq(names, "trace, ls, doctor");
	cli_list_names(commands, names, 8);
	cr_expect_str_eq(names, "trace, ");
}

static void expect_in_help(const char *help, const struct cli_option *option)
{
	char dashed[64];

	for (; option && option->name; option++) {
		snprintf(dashed, sizeof(dashed), "--%s", option->name);
		cr_expect(strstr(help, dashed), "no %s in the help", dashed);
		cr_expect(strstr(help, option->help), "no sentence about %s in the help", dashed);
	}
}

Test(app_cli, help_tells_every_option)
{
	const struct cli_command *const commands[] = { &cmd_top, &cmd_trace, &cmd_ls, &cmd_doctor,
						       NULL };
	char *help = NULL;
	size_t size = 0;

	for (size_t i = 0; commands[i]; i++) {
		FILE *out = open_memstream(&help, &size);

		cli_print_command_help(out, commands[i]);
		fclose(out);
		expect_in_help(help, commands[i]->options);
		if (commands[i]->measures)
			expect_in_help(help, cli_measure_options);
		expect_in_help(help, cli_common_options);
		for (char *line = strtok(help, "\n"); line; line = strtok(NULL, "\n"))
			cr_expect(strlen(line) <= 100, "too wide: %s", line);
		free(help);
	}
}

Test(app_cli, help_tells_every_exit_code)
{
	const struct cli_command *const commands[] = { &cmd_trace, NULL };
	char *help = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&help, &size);

	cli_print_help(out, commands);
	fclose(out);
#define _(name, code, sentence) cr_expect(strstr(help, #code "  " sentence), "no " #name);
	EXIT_CODES(_)
#undef _
	free(help);
}

Test(app_cli, exit_codes_are_the_contract)
{
	cr_expect_eq(EXIT_FINE, 0);
	cr_expect_eq(EXIT_LIMIT, 1);
	cr_expect_eq(EXIT_USAGE, 2);
	cr_expect_eq(EXIT_CANNOT_ATTACH, 3);
	cr_expect_eq(EXIT_INCONCLUSIVE, 4);
	cr_expect_eq(EXIT_COMMAND_FAILED, 5);
}
