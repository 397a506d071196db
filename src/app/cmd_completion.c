/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `loopstall completion`: prints the completion script of a shell.
 */
#include "app/commands.h"
#include "app/completion.h"
#include "base/exit.h"
#include "base/log.h"

static int run(const struct config *config)
{
	if (config->n_files == 0) {
		log_error("no shell is named: it can be bash, zsh or fish");
		return EXIT_USAGE;
	}
	if (completion_write(config->files[0], stdout, all_commands) < 0) {
		log_error("no completion for '%s': it can be bash, zsh or fish", config->files[0]);
		return EXIT_USAGE;
	}
	return EXIT_FINE;
}

const struct cli_command cmd_completion = {
	.name = "completion",
	.usage = "bash | zsh | fish",
	.summary = "Prints a shell's completion script",
	.details = "'make install' installs all three. In bash, for this session alone:\n\n"
		   "  source <(loopstall completion bash)",
	.max_files = 1,
	.operands = CLI_VALUES_SHELL,
	.run = run,
};
