/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The completion function for zsh: a file _loopstall in $fpath.
 */
#include "app/completion.h"

static const char head[] =
	"#compdef loopstall\n"
	"# Completion of loopstall for zsh. Written by 'loopstall completion zsh'.\n"
	"\n"
	"_loopstall_pids() {\n"
	"    local process words\n"
	"    local -a pids\n"
	"    for process in /proc/<->(N); do\n"
	"        words=\"$(tr '\\0' ' ' <$process/cmdline)\" 2>/dev/null\n"
	"        [[ ${words%% *} == *python* ]] && pids+=(\"${process:t}:${words//:/\\\\:}\")\n"
	"    done\n"
	"    _describe -t processes 'Python process' pids \"$@\"\n"
	"}\n"
	"\n"
	"_loopstall() {\n"
	"    local curcontext=\"$curcontext\" dashes=${words[(i)--]}\n"
	"    if ((dashes < CURRENT)); then\n"
	"        words=(\"${(@)words[dashes + 1, -1]}\")\n"
	"        ((CURRENT -= dashes))\n"
	"        _normal\n"
	"        return\n"
	"    fi\n"
	"    if ((CURRENT == 2)); then\n"
	"        local -a commands\n"
	"        commands=(\n";

static const char middle[] = "        )\n"
			     "        _describe -t commands command commands\n"
			     "        _arguments '--help[this text]' '--version[the version]'\n"
			     "        return\n"
			     "    fi\n"
			     "    words=(\"${(@)words[2, -1]}\")\n"
			     "    ((CURRENT--))\n"
			     "    case $words[1] in\n";

/* In single quotes, where brackets and colons have a meaning to _arguments. */
static void put_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		const char one[] = { *text, '\0' };

		if (*text == '\'')
			fputs("'\\''", out);
		else
			completion_put_escaped(out, one, "[]:\\");
	}
}

static void put_action(FILE *out, enum cli_values values, bool is_list)
{
	switch (values) {
	case CLI_VALUES_ANY:
		fputc(' ', out);
		break;
	case CLI_VALUES_FILE:
		fputs("_files", out);
		break;
	case CLI_VALUES_FOLDER:
		fputs("_files -/", out);
		break;
	case CLI_VALUES_PID:
		fputs("_sequence _loopstall_pids", out);
		break;
	default:
		fputs(is_list ? "_values -s , value " : "(", out);
		completion_put_words(out, values);
		fputs(is_list ? "" : ")", out);
	}
}

static void put_option(FILE *out, const struct cli_command *command,
		       const struct cli_option *option)
{
	const bool is_repeatable = option->type == CLI_LIST || option->type == CLI_PIDS;
	const char *equals = option->type == CLI_FLAG ? "" : "=";

	(void)command;
	fputs("            ", out);
	if (option->letter && is_repeatable)
		fprintf(out, "'*'{-%c,--%s%s}'", option->letter, option->name, equals);
	else if (option->letter)
		fprintf(out, "'(-%c --%s)'{-%c,--%s%s}'", option->letter, option->name,
			option->letter, option->name, equals);
	else
		fprintf(out, "'%s--%s%s", is_repeatable ? "*" : "", option->name, equals);
	fputc('[', out);
	put_text(out, option->help);
	fputc(']', out);
	if (option->type != CLI_FLAG) {
		fputc(':', out);
		put_text(out, option->argument);
		fputc(':', out);
		put_action(out, option->values, completion_is_list(option));
	}
	fputs("' \\\n", out);
}

static void put_command(FILE *out, const struct cli_command *command)
{
	fprintf(out, "    %s)\n        _arguments -s -S \\\n", command->name);
	completion_each_option(command, out, put_option);
	if (command->max_files) {
		fputs("            '*:argument:", out);
		put_action(out, command->operands, false);
		fputs("' \\\n", out);
	}
	fputs("            && return\n        ;;\n", out);
}

void completion_write_zsh(FILE *out, const struct cli_command *const *commands)
{
	fputs(head, out);
	for (size_t i = 0; commands[i]; i++) {
		fprintf(out, "            '%s:", commands[i]->name);
		put_text(out, commands[i]->summary);
		fputs("'\n", out);
	}
	fputs(middle, out);
	for (size_t i = 0; commands[i]; i++)
		put_command(out, commands[i]);
	fputs("    esac\n}\n\n_loopstall \"$@\"\n", out);
}
