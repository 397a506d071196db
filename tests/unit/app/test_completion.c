/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The completion scripts: each command, option and word of the tables is in each of them. That the
 * shells complete with them is tested by tests/packaging.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/commands.h"
#include "app/completion.h"

static char *script_of(const char *shell)
{
	char *script = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&script, &size);

	cr_assert_eq(completion_write(shell, out, all_commands), 0);
	fclose(out);
	return script;
}

static const char *wanted_in; /* the script that expect_option() looks into */

static void expect_option(FILE *out, const struct cli_command *command,
			  const struct cli_option *option)
{
	(void)out;
	cr_expect(strstr(wanted_in, option->name), "no --%s of %s", option->name, command->name);
}

static void expect_all(const char *script)
{
	wanted_in = script;
	for (size_t i = 0; all_commands[i]; i++) {
		cr_expect(strstr(script, all_commands[i]->name));
		completion_each_option(all_commands[i], NULL, expect_option);
	}
}

Test(app_completion, every_command_and_option_in_every_shell)
{
#define _(name)                                                                                    \
	{                                                                                          \
		char *script = script_of(#name);                                                   \
                                                                                                   \
		expect_all(script);                                                                \
		free(script);                                                                      \
	}
	COMPLETION_SHELLS(_)
#undef _
}

Test(app_completion, an_unknown_shell_is_refused)
{
	cr_expect_eq(completion_write("tcsh", NULL, all_commands), -EINVAL);
}

static void expect_words(enum cli_values values, const char *expected)
{
	char words[2048] = "";
	FILE *out = fmemopen(words, sizeof(words), "w");

	completion_put_words(out, values);
	fclose(out);
	cr_expect_str_eq(words, expected);
}

Test(app_completion, words_come_from_the_tables)
{
	expect_words(CLI_VALUES_MODE, "auto exact light");
	expect_words(CLI_VALUES_THEME, "auto dark light 16 mono");
	expect_words(CLI_VALUES_SHELL, "bash zsh fish");
	expect_words(CLI_VALUES_SCREEN,
		     "coroutines tasks stalls victims sites loops flame log findings");
	expect_words(CLI_VALUES_CAUSE,
		     "cpu sleep network file pipe process lock gil dns pagefault other gc");
	expect_words(CLI_VALUES_FORMAT,
		     "text json csv csv-stalls folded speedscope perfetto pprof "
		     "html markdown");
	expect_words(CLI_VALUES_FILE, "");
}

Test(app_completion, text_is_escaped)
{
	char buf[64] = "";
	FILE *out = fmemopen(buf, sizeof(buf), "w");

	completion_put_escaped(out, "it's a \\", "'\\");
	fclose(out);
	cr_expect_str_eq(buf, "it\\'s a \\\\");
}
