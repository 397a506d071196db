/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program: finds the command, parses its options, runs it.
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/cli.h"
#include "app/commands.h"
#include "app/config_file.h"
#include "base/exit.h"
#include "app/privs.h"
#include "app/say.h"
#include "app/version.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/similar.h"
#include "http/http_server.h"
#include "otlp/sender.h"

#define LARGE_BYTES (128 << 10)

static int print_version(void)
{
	puts("loopstall " LOOPSTALL_VERSION);
	return say_finish(EXIT_FINE);
}

/*
 * The limits of a check belong to its repository, so the repository's file takes precedence over
 * the user's.
 */
#define OWN_FILE "loopstall.ini"

/*
 * Parses the command line twice: the first pass finds the configuration file, the second overrides
 * its settings.
 */
static int configure(const struct cli_command *command, int argc, char **argv,
		     struct config *ret_config, struct config_file **ret_file, struct err *err)
{
	int r = cli_parse(command, NULL, argc, argv, ret_config, err);

	if (r < 0 || !command->measures || ret_config->wants_help || ret_config->wants_version)
		return r;
	r = config_file__read(ret_file, ret_config->file_path,
			      command->has_own_file ? OWN_FILE : NULL, all_commands, err);
	if (r < 0 || !*ret_file)
		return r;
	return cli_parse(command, config_file__config(*ret_file), argc, argv, ret_config, err);
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	_cleanup_(config_file__freep) struct config_file *file = NULL;
	struct config config;
	struct err err = {};

	if (configure(command, argc, argv, &config, &file, &err) < 0) {
		log_error("%s. Try 'loopstall %s --help'.", err.what, command->name);
		return EXIT_USAGE;
	}
	if (config.wants_version)
		return print_version();
	if (config.wants_help) {
		cli_print_command_help(stdout, command);
		return say_finish(EXIT_FINE);
	}
	log_set_level(config.is_quiet ? LOG_ERROR : config.is_verbose ? LOG_DEBUG : LOG_INFO);
	return say_finish(command->run(&config));
}

static int refuse_command(const char *name)
{
	struct similar similar = SIMILAR_TO(name);
	char known[128], hint[SIMILAR_BYTES];

	cli_list_names(all_commands, known, sizeof(known));
	for (size_t i = 0; all_commands[i]; i++)
		similar__offer(&similar, all_commands[i]->name);
	if (*name)
		log_error("there is no command '%s'%s, there is %s. Try 'loopstall --help'.", name,
			  similar__hint(&similar, "", hint), known);
	else
		log_error("no command is given; there is %s. Try 'loopstall --help'.", known);
	return EXIT_USAGE;
}

static bool is_one_of(const char *name, const char *const words[3])
{
	for (size_t i = 0; i < 3; i++)
		if (!strcmp(name, words[i]))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	static const char *const version[] = { "--version", "-V", "version" };
	static const char *const help[] = { "--help", "-h", "help" };
	const char *name = argc > 1 ? argv[1] : "";
	const struct cli_command *command = cli_find(all_commands, name);

	/* Before anything is done that only the program itself needs. */
	if (http_child_is_asked(argc, argv) && http_child_main()) {
		log_error("%s is what loopstall starts by itself", HTTP_CHILD_ARGUMENT);
		return EXIT_USAGE;
	}
	if (otlp_child_is_asked(argc, argv))
		return otlp_child_main(argv[2]) ? EXIT_USAGE : EXIT_FINE;
	file_hold_standard_streams();
	limits__raise();
	/*
	 * Large blocks (the kernel's types, a program's file) are short-lived. By default glibc
	 * raises this threshold and keeps them in a fragmented heap that grows with each process;
	 * with a fixed threshold the program needs half of the memory.
	 */
	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	/* A write to a closed pipe returns EPIPE, which ends the command cleanly. */
	signal(SIGPIPE, SIG_IGN);
	if (privs_begin() < 0) {
		log_error("loopstall is installed setuid, which it is not made for; chmod u-s, and "
			  "give it file capabilities (docs/privileges.md)");
		return EXIT_CANNOT_ATTACH;
	}
	if (command)
		return run(command, argc - 1, argv + 1);
	if (is_one_of(name, version))
		return print_version();
	if (is_one_of(name, help)) {
		cli_print_help(stdout, all_commands);
		return say_finish(EXIT_FINE);
	}
	return refuse_command(name);
}
