/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of all commands.
 */
#include "app/commands.h"

const struct cli_command *const all_commands[] = {
	&cmd_top,   &cmd_trace, &cmd_record, &cmd_report,     &cmd_check, &cmd_dump,
	&cmd_serve, &cmd_ls,	&cmd_doctor, &cmd_completion, NULL,
};
