/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shell completion: a script for each shell, generated from the option tables.
 */
#ifndef LOOPSTALL_APP_COMPLETION_H
#define LOOPSTALL_APP_COMPLETION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "app/cli.h"

#define COMPLETION_SHELLS(_)                                                                       \
	_(bash)                                                                                    \
	_(zsh)                                                                                     \
	_(fish)

#define _(name) void completion_write_##name(FILE *out, const struct cli_command *const *commands);
COMPLETION_SHELLS(_)
#undef _

/* Writes the script of the shell of that name. 0, or -EINVAL if there is none. */
int completion_write(const char *shell, FILE *out, const struct cli_command *const *commands);

/* For the writers: calls `fn` with each option of a command, in the order of the help. */
void completion_each_option(const struct cli_command *command, FILE *out,
			    void (*fn)(FILE *out, const struct cli_command *command,
				       const struct cli_option *option));
/* Writes the possible values, separated by blanks; nothing if they are not a fixed list. */
void completion_put_words(FILE *out, enum cli_values values);
/* Writes `text`, with a backslash before each character of `special`. */
void completion_put_escaped(FILE *out, const char *text, const char *special);
/* Whether the option takes several values, separated by commas. */
bool completion_is_list(const struct cli_option *option);

#endif
