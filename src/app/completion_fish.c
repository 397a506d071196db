/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The completion script for fish.
 */
#include "app/completion.h"

static const char head[] =
	"# Completion of loopstall for fish. Written by 'loopstall completion fish'.\n"
	"\n"
	"function __loopstall_pids\n"
	"    for process in (string match -r '^/proc/[0-9]+$' /proc/*)\n"
	"        set -l words (cat $process/cmdline 2>/dev/null | string split0)\n"
	"        if string match -q '*python*' -- $words[1]\n"
	"            set -l line (string join ' ' -- $words | string collect)\n"
	"            set line (string replace -ra '\\\\s+' ' ' -- $line | string sub -l 60)\n"
	"            printf '%s\\t%s\\n' (string replace /proc/ '' $process) $line\n"
	"        end\n"
	"    end\n"
	"end\n"
	"\n"
	"function __loopstall_is_first\n"
	"    test (count (commandline -opc)) -eq 1\n"
	"end\n"
	"\n"
	"function __loopstall_in -a command\n"
	"    set -l words (commandline -opc)\n"
	"    test (count $words) -gt 1; and test $words[2] = $command\n"
	"    and not contains -- -- $words\n"
	"end\n"
	"\n"
	"function __loopstall_is_program\n"
	"    contains -- -- (commandline -opc)\n"
	"end\n"
	"\n"
	"function __loopstall_program\n"
	"    set -l words (commandline -opc)\n"
	"    set -e words[1..(contains -i -- -- $words)]\n"
	"    complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))\n"
	"end\n"
	"\n"
	"complete -c loopstall -f\n"
	"complete -c loopstall -n __loopstall_is_first -l help -d 'this text'\n"
	"complete -c loopstall -n __loopstall_is_first -l version -d 'the version'\n"
	"complete -c loopstall -n __loopstall_is_program -a '(__loopstall_program)'\n";

static void put_text(FILE *out, const char *text)
{
	fputs(" -d '", out);
	completion_put_escaped(out, text, "'\\");
	fputs("'\n", out);
}

static void put_words(FILE *out, enum cli_values values, bool is_list)
{
	fputs(is_list ? " -xa '(__fish_append , " : " -xa '", out);
	completion_put_words(out, values);
	fputs(is_list ? ")'" : "'", out);
}

static void put_action(FILE *out, enum cli_values values, bool is_list)
{
	switch (values) {
	case CLI_VALUES_ANY:
		fputs(" -x", out);
		break;
	case CLI_VALUES_FILE:
		fputs(" -rF", out);
		break;
	case CLI_VALUES_FOLDER:
		fputs(" -xa '(__fish_complete_directories)'", out);
		break;
	case CLI_VALUES_PID:
		fputs(" -xa '(__fish_complete_list , __loopstall_pids)'", out);
		break;
	default:
		put_words(out, values, is_list);
	}
}

static void put_option(FILE *out, const struct cli_command *command,
		       const struct cli_option *option)
{
	fprintf(out, "complete -c loopstall -n '__loopstall_in %s'", command->name);
	if (option->letter)
		fprintf(out, " -s %c", option->letter);
	fprintf(out, " -l %s", option->name);
	if (option->type != CLI_FLAG)
		put_action(out, option->values, completion_is_list(option));
	put_text(out, option->help);
}

static void put_operands(FILE *out, enum cli_values values)
{
	if (values == CLI_VALUES_FILE) {
		fputs(" -F\n", out);
		return;
	}
	fputs(" -a '", out);
	completion_put_words(out, values);
	fputs("'\n", out);
}

void completion_write_fish(FILE *out, const struct cli_command *const *commands)
{
	fputs(head, out);
	for (size_t i = 0; commands[i]; i++) {
		fprintf(out, "\ncomplete -c loopstall -n __loopstall_is_first -a %s",
			commands[i]->name);
		put_text(out, commands[i]->summary);
		completion_each_option(commands[i], out, put_option);
		if (commands[i]->max_files) {
			fprintf(out, "complete -c loopstall -n '__loopstall_in %s'",
				commands[i]->name);
			put_operands(out, commands[i]->operands);
		}
	}
}
