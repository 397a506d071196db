/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The completion script for bash. Needs bash alone, not the bash-completion package.
 */
#include "app/completion.h"

static const char head[] =
	"# Completion of loopstall for bash. Written by 'loopstall completion bash'.\n"
	"\n"
	"_loopstall_pids() {\n"
	"    local process program\n"
	"    for process in /proc/[0-9]*; do\n"
	"        { IFS= read -r -d '' program <\"$process/cmdline\"; } 2>/dev/null || continue\n"
	"        [[ $program == *python* ]] && echo \"${process#/proc/}\"\n"
	"    done\n"
	"}\n"
	"\n"
	"_loopstall_words() {\n"
	"    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")\n"
	"}\n"
	"\n"
	"# Completes what follows the last comma.\n"
	"_loopstall_list() {\n"
	"    local before=\n"
	"    [[ $cur == *,* ]] && before=${cur%,*},\n"
	"    mapfile -t COMPREPLY < <(compgen -P \"$before\" -W \"$1\" -- \"${cur##*,}\")\n"
	"}\n"
	"\n"
	"_loopstall_files() {\n"
	"    mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$cur\")\n"
	"    compopt -o filenames 2>/dev/null\n"
	"}\n"
	"\n"
	"# A command to start, or one of its arguments.\n"
	"_loopstall_program() {\n"
	"    if (($1 + 1 == COMP_CWORD)); then\n"
	"        mapfile -t COMPREPLY < <(compgen -c -- \"$cur\")\n"
	"    else\n"
	"        _loopstall_files -f\n"
	"    fi\n"
	"}\n"
	"\n"
	"_loopstall() {\n"
	"    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} options i\n"
	"    COMPREPLY=()\n"
	"    # \"--mode=light\" comes as three words.\n"
	"    if [[ $cur == = ]]; then\n"
	"        cur=\n"
	"    elif [[ $prev == = ]] && ((COMP_CWORD > 2)); then\n"
	"        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
	"    fi\n"
	"    for ((i = 2; i < COMP_CWORD; i++)); do\n"
	"        if [[ ${COMP_WORDS[i]} == -- ]]; then\n"
	"            _loopstall_program \"$i\"\n"
	"            return\n"
	"        fi\n"
	"    done\n";

static void put_action(FILE *out, enum cli_values values, bool is_list)
{
	switch (values) {
	case CLI_VALUES_FILE:
		fputs("_loopstall_files -f", out);
		break;
	case CLI_VALUES_FOLDER:
		fputs("_loopstall_files -d", out);
		break;
	case CLI_VALUES_PID:
		fputs("_loopstall_list \"$(_loopstall_pids)\"", out);
		break;
	default:
		fprintf(out, "_loopstall_%s \"", is_list ? "list" : "words");
		completion_put_words(out, values);
		fputc('"', out);
	}
}

static void put_name(FILE *out, const struct cli_command *command, const struct cli_option *option)
{
	(void)command;
	fprintf(out, "--%s ", option->name);
}

static void put_value(FILE *out, const struct cli_command *command, const struct cli_option *option)
{
	(void)command;
	if (option->type == CLI_FLAG)
		return;
	fputs("        ", out);
	if (option->letter)
		fprintf(out, "-%c | ", option->letter);
	fprintf(out, "--%s) ", option->name);
	if (option->values != CLI_VALUES_ANY) {
		put_action(out, option->values, completion_is_list(option));
		fputs("; ", out);
	}
	fputs("return ;;\n", out);
}

static void put_command(FILE *out, const struct cli_command *command)
{
	fprintf(out, "    %s)\n        case $prev in\n", command->name);
	completion_each_option(command, out, put_value);
	fputs("        esac\n        options=\"", out);
	completion_each_option(command, out, put_name);
	fprintf(out, "%s\"\n", command->takes_command ? "--" : "");
	if (command->max_files) {
		fputs("        if [[ $cur != -* ]]; then\n            ", out);
		put_action(out, command->operands, false);
		fputs("\n            return\n        fi\n", out);
	}
	fputs("        ;;\n", out);
}

void completion_write_bash(FILE *out, const struct cli_command *const *commands)
{
	fputs(head, out);
	fputs("    if ((COMP_CWORD == 1)); then\n        _loopstall_words \"", out);
	for (size_t i = 0; commands[i]; i++)
		fprintf(out, "%s ", commands[i]->name);
	fputs("--help --version\"\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n", out);
	for (size_t i = 0; commands[i]; i++)
		put_command(out, commands[i]);
	fputs("    *) return ;;\n    esac\n    _loopstall_words \"$options\"\n}\n\n"
	      "complete -F _loopstall loopstall\n",
	      out);
}
