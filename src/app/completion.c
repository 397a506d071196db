/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the completion scripts of all shells have in common: the options of a command, and the words
 * an option takes.
 */
#include "app/completion.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "model/groups.h"
#include "model/vocabulary.h"
#include "report/report.h"
#include "session/measure_mode.h"
#include "view/screens.h"
#include "view/theme.h"

static const struct {
	const char *name;
	void (*write)(FILE *out, const struct cli_command *const *commands);
} shells[] = {
#define _(name) { #name, completion_write_##name },
	COMPLETION_SHELLS(_)
#undef _
};

static const struct screen_ops *const screens[] = {
#define _(name) &screen_##name,
	SCREENS(_)
#undef _
};

int completion_write(const char *shell, FILE *out, const struct cli_command *const *commands)
{
	for (size_t i = 0; i < N_OF(shells); i++) {
		if (!strcmp(shells[i].name, shell)) {
			shells[i].write(out, commands);
			return 0;
		}
	}
	return -EINVAL;
}

static void each_of(const struct cli_command *command, const struct cli_option *options, FILE *out,
		    void (*fn)(FILE *out, const struct cli_command *command,
			       const struct cli_option *option))
{
	for (const struct cli_option *o = options; o && o->name; o++)
		fn(out, command, o);
}

void completion_each_option(const struct cli_command *command, FILE *out,
			    void (*fn)(FILE *out, const struct cli_command *command,
				       const struct cli_option *option))
{
	each_of(command, command->options, out, fn);
	if (command->measures)
		each_of(command, cli_measure_options, out, fn);
	each_of(command, cli_common_options, out, fn);
}

static void put_screens(FILE *out)
{
	for (size_t i = 0; i < N_OF(screens); i++)
		if (screens[i]->is_in_tabs)
			fprintf(out, "%s%s", i ? " " : "", screens[i]->name);
}

static bool has_column(const struct screen_ops *screen, const char *name)
{
	for (size_t i = 0; screen->table && i < screen->table->n_columns; i++)
		if (!strcmp(screen->table->columns[i].name, name))
			return true;
	return false;
}

/* The columns of all screens: --screen may follow on the command line. */
static void put_columns(FILE *out)
{
	const char *blank = "";

	for (size_t s = 0; s < N_OF(screens); s++) {
		for (size_t i = 0; screens[s]->table && i < screens[s]->table->n_columns; i++) {
			const char *name = screens[s]->table->columns[i].name;
			size_t first = 0;

			while (!has_column(screens[first], name))
				first++;
			if (first == s) {
				fprintf(out, "%s%s", blank, name);
				blank = " ";
			}
		}
	}
}

static void put_causes(FILE *out)
{
	const char *blank = "";

	for (enum ls_cause cause = 0; cause < LS_CAUSE_MAX; cause++) {
		/* check refuses it. */
		if (ls_cause_host(cause) == LS_HOST_OWN)
			continue;
		fprintf(out, "%s%s", blank, vocabulary_cause(cause));
		blank = " ";
	}
}

void completion_put_words(FILE *out, enum cli_values values)
{
	switch (values) {
	case CLI_VALUES_MODE:
#define _(name, word) fprintf(out, "%s" word, MEASURE_MODE_##name ? " " : "");
		MEASURE_MODES(_)
#undef _
		break;
	case CLI_VALUES_FORMAT:
		for (size_t i = 0; i < n_report_formats; i++)
			fprintf(out, "%s%s", i ? " " : "", report_formats[i].name);
		break;
	case CLI_VALUES_SCREEN:
		put_screens(out);
		break;
	case CLI_VALUES_THEME:
		for (enum theme theme = 0; theme < THEME_MAX; theme++)
			fprintf(out, "%s%s", theme ? " " : "", theme_word(theme));
		break;
	case CLI_VALUES_COLUMN:
		put_columns(out);
		break;
	case CLI_VALUES_LINT:
		for (enum lint_id id = 0; id < LINT_MAX; id++)
			fprintf(out, "%s ", lint__name(id));
		fputs("all", out);
		break;
	case CLI_VALUES_GROUP:
		for (enum group_key key = 0; key < GROUP_MAX; key++)
			fprintf(out, "%s%s", key ? " " : "", group_key_word(key));
		break;
	case CLI_VALUES_CAUSE:
		put_causes(out);
		break;
	case CLI_VALUES_SHELL:
		for (size_t i = 0; i < N_OF(shells); i++)
			fprintf(out, "%s%s", i ? " " : "", shells[i].name);
		break;
	case CLI_VALUES_ANY:
	case CLI_VALUES_FILE:
	case CLI_VALUES_FOLDER:
	case CLI_VALUES_PID:
		break;
	}
}

void completion_put_escaped(FILE *out, const char *text, const char *special)
{
	for (; *text; text++) {
		if (strchr(special, *text))
			fputc('\\', out);
		fputc(*text, out);
	}
}

bool completion_is_list(const struct cli_option *option)
{
	return option->argument && strchr(option->argument, ',');
}
