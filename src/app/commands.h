/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands, one file each (cmd_*.c).
 */
#ifndef LOOPSTALL_APP_COMMANDS_H
#define LOOPSTALL_APP_COMMANDS_H

#include "app/cli.h"

extern const struct cli_command cmd_top;
extern const struct cli_command cmd_trace;
extern const struct cli_command cmd_check;
extern const struct cli_command cmd_record;
extern const struct cli_command cmd_report;
extern const struct cli_command cmd_dump;
extern const struct cli_command cmd_serve;
extern const struct cli_command cmd_ls;
extern const struct cli_command cmd_doctor;
extern const struct cli_command cmd_completion;

/* All of them, in the order of the help; ends with NULL. */
extern const struct cli_command *const all_commands[];

#endif
