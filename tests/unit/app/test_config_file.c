/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration file: what its lines set, which of the places is read, whose file is trusted,
 * and whether a refusal names the line and what could be there.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/config_file.h"
#include "app/dashboard.h"

static const struct cli_command *const commands[] = { &cmd_top, &cmd_trace, &cmd_ls, NULL };
static char folder[64], path[128];

static void begin(void)
{
	strcpy(folder, "/tmp/loopstall-test-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/loopstall", folder);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/loopstall/config.ini", folder);
	unsetenv("SUDO_USER");
	setenv("XDG_CONFIG_HOME", folder, 1);
}

static void end(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	cr_assert_eq(system(command), 0);
}

TestSuite(app_config_file, .init = begin, .fini = end);

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	cr_assert_not_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, 0600);
}

static struct config_file *accept(const char *text)
{
	struct config_file *file = NULL;
	struct err err = {};

	write_file(text);
	cr_assert_eq(config_file__read(&file, path, NULL, commands, &err), 0, "%s", err.what);
	cr_assert_not_null(file);
	return file;
}

static void refuse(const char *text, unsigned int line, const char *word)
{
	struct config_file *file = NULL;
	struct err err = {};
	char place[160];

	write_file(text);
	snprintf(place, sizeof(place), "%s:%u: ", path, line);
	cr_expect_eq(config_file__read(&file, path, NULL, commands, &err), -EINVAL, "taken: %s",
		     text);
	cr_expect_null(file);
	cr_expect_eq(strncmp(err.what, place, strlen(place)), 0, "\"%s\" is not about line %u",
		     err.what, line);
	cr_expect(strstr(err.what, word), "\"%s\" does not say \"%s\"", err.what, word);
}

Test(app_config_file, sets_options_by_their_long_names)
{
	struct config_file *file = accept("# mine\n"
					  "[measure]\n"
					  "threshold = 20ms\n"
					  "mode=exact\n"
					  "\n"
					  "[top]\n"
					  "  screen = stalls ; to begin with\n"
					  "  sort: max\n"
					  "filter = cause:sleep\n"
					  "refresh = 250ms\n"
					  "no-lint = cpu-hog,sync-dns\n"
					  "columns = who,max");
	const struct config *c = config_file__config(file);

	cr_expect_eq(c->file, file);
	cr_expect_eq(c->threshold_ns, 20000000);
	cr_expect_eq(c->mode, MEASURE_MODE_EXACT);
	cr_expect_str_eq(c->screen, "stalls");
	cr_expect_str_eq(c->sort, "max");
	cr_expect_str_eq(c->filter, "cause:sleep");
	cr_expect_eq(c->refresh_ns, 250000000);
	cr_expect_eq(c->lints_off, 1u << LINT_CPU_HOG | 1u << LINT_SYNC_DNS);
	cr_expect_str_eq(c->columns, "who,max");
	config_file__free(file);
}

Test(app_config_file, every_option_of_a_section_is_a_key)
{
	const struct cli_option *options[] = { cmd_top.options, cli_measure_options };
	const char *const values[] = {
		[CLI_FLAG] = "no",  [CLI_DURATION] = "1s", [CLI_TEXT] = "x", [CLI_MODE] = "auto",
		[CLI_SHARE] = "2%", [CLI_LINTS] = "all",   [CLI_LIST] = "x", [CLI_GROUP] = "entry",
	};
	char text[128];

	for (size_t i = 0; i < 2; i++) {
		for (const struct cli_option *o = options[i]; o->name; o++) {
			if (o->is_cli_only)
				continue;
			snprintf(text, sizeof(text), "[%s]\n%s = %s\n", i ? "measure" : "top",
				 o->name, values[o->type]);
			config_file__free(accept(text));
		}
	}
}

Test(app_config_file, an_empty_file_changes_nothing)
{
	struct config_file *file = accept("");
	const struct config defaults = cli_defaults();

	cr_expect_eq(config_file__config(file)->threshold_ns, defaults.threshold_ns);
	cr_expect_null(config_file__config(file)->screen);
	config_file__free(file);
}

Test(app_config_file, refusals_name_the_line_and_what_there_is)
{
	char text[600] = "[top]\nfilter = ";

	refuse("[top]\n\ncolour = red\n", 3, "it has: screen, sort");
	refuse("[tpo]\nscreen = stalls\n", 2, "[tpo], there is: top, measure");
	refuse("[ls]\nx = y\n", 2, "there is: top, measure");
	refuse("screen = stalls\n", 1, "section must come first");
	refuse("[measure]\npid = 1\n", 2, "it has: duration, threshold, mode");
	refuse("[measure]\nconfig = x\n", 2, "no 'config'");
	refuse("[measure]\nthreshold = 10\n", 2, "threshold: '10' has no unit");
	refuse("[measure]\nthreshold = 1ns\n", 2, "100 us to 60 m");
	refuse("[measure]\nmode = fast\n", 2, "auto, exact or light");
	refuse("[top]\nno-lint = cpu-hog,nonsense\n", 2, "'nonsense' is no lint");
	refuse("[top]\nscreen =\n", 2, "empty");
	refuse("[top]\nscreen\n", 2, "NAME = VALUE");
	refuse("[top\nscreen = stalls\n", 1, "NAME = VALUE");
	/* The first one counts. */
	refuse("[top]\nx = 1\ny = 2\n[z\n", 2, "'x'");
	memset(text + strlen(text), 'x', sizeof(text) - strlen(text) - 1);
	text[sizeof(text) - 1] = '\0';
	refuse(text, 2, "longer than");
}

Test(app_config_file, the_end_of_a_file_without_bounds)
{
	static char text[4096];

	memset(text, '\n', sizeof(text) - 1);
	refuse(text, 1001, "more than 1000 lines");
}

static void expect_screen(const char *screen)
{
	struct config_file *file = NULL;
	struct err err = {};

	cr_assert_eq(config_file__read(&file, NULL, NULL, commands, &err), 0, "%s", err.what);
	cr_assert_eq(!file, !screen);
	if (file)
		cr_expect_str_eq(config_file__config(file)->screen, screen);
	config_file__free(file);
}

Test(app_config_file, is_looked_for_in_the_places_of_xdg)
{
	char home[160], at_home[256];

	expect_screen(NULL);
	write_file("[top]\nscreen = stalls\n");
	expect_screen("stalls");
	/* Without the variable, or with one that is to be ignored: below the home. */
	snprintf(home, sizeof(home), "%s/home", folder);
	setenv("HOME", home, 1);
	setenv("XDG_CONFIG_HOME", "relative", 1);
	expect_screen(NULL);
	snprintf(at_home, sizeof(at_home), "mkdir -p %s/.config/loopstall", home);
	cr_assert_eq(system(at_home), 0);
	snprintf(at_home, sizeof(at_home), "%s/.config/loopstall/config.ini", home);
	cr_assert_eq(rename(path, at_home), 0);
	expect_screen("stalls");
	unsetenv("XDG_CONFIG_HOME");
	expect_screen("stalls");
	unsetenv("HOME");
	expect_screen(NULL);
}

static void expect_fault(const char *named, const char *own, const char *word)
{
	struct config_file *file = NULL;
	struct err err = {};

	cr_expect_lt(config_file__read(&file, named, own, commands, &err), 0);
	cr_expect_null(file);
	cr_expect(strstr(err.what, word), "\"%s\" does not say \"%s\"", err.what, word);
}

Test(app_config_file, files_that_others_may_write_are_refused)
{
	write_file("[top]\nscreen = stalls\n");
	chmod(path, 0666);
	expect_fault(NULL, NULL, "everybody may write");
	/* Whoever names it has decided. */
	config_file__free(accept("[top]\nscreen = stalls\n"));
	chmod(path, 0600);
	if (geteuid() == 0) {
		cr_assert_eq(chown(path, 12345, 12345), 0);
		expect_fault(NULL, NULL, "belongs to another user");
	}
	unlink(path);
	mkfifo(path, 0600);
	expect_fault(NULL, NULL, "is no file");
}

/* It lies where anybody may have put it, and its options name files that are written. */
Test(app_config_file, the_file_of_a_folder_is_not_believed_more)
{
	struct config_file *file = NULL;
	struct err err = {};
	char own[256];

	snprintf(own, sizeof(own), "%s/own.ini", folder);
	write_file("[top]\nscreen = stalls\n");
	cr_assert_eq(rename(path, own), 0);
	write_file("[top]\nscreen = loops\n");
	cr_assert_eq(config_file__read(&file, NULL, own, commands, &err), 0, "%s", err.what);
	cr_expect_str_eq(config_file__config(file)->screen, "stalls");
	config_file__free(file);
	chmod(own, 0666);
	expect_fault(NULL, own, "everybody may write");
	chmod(own, 0600);
	if (geteuid() == 0) {
		cr_assert_eq(chown(own, 12345, 12345), 0);
		expect_fault(NULL, own, "belongs to another user");
	}
	unlink(own);
	cr_assert_eq(config_file__read(&file, NULL, own, commands, &err), 0, "%s", err.what);
	cr_expect_str_eq(config_file__config(file)->screen, "loops");
	config_file__free(file);
}

Test(app_config_file, what_is_named_must_be_there)
{
	struct config_file *file = NULL;
	struct err err = {};

	expect_fault("/nowhere/x.ini", NULL, "cannot read /nowhere/x.ini");
	expect_fault("/tmp", NULL, "no file");
	cr_expect_eq(config_file__read(&file, "/dev/null", NULL, commands, &err), 0);
	config_file__free(file);
}

Test(app_config_file, a_wrong_choice_is_told_with_its_line)
{
	struct config_file *file = accept("[top]\nscreen = stalls\nsort = nonsense\n");
	struct config c = *config_file__config(file);
	struct err err = {};

	cr_expect_eq(dashboard_check(&c, &err), -EINVAL);
	cr_expect(strstr(err.what, "config.ini:3: sort 'nonsense' is no column"), "%s", err.what);
	c.sort = "startd";
	cr_expect_eq(dashboard_check(&c, &err), -EINVAL);
	cr_expect(strstr(err.what, "of this screen (did you mean 'starved'?): it has"), "%s",
		  err.what);
	c.sort = "neither";
	cr_expect_eq(dashboard_check(&c, &err), -EINVAL);
	cr_expect(strstr(err.what, "--sort 'neither' is no column"), "%s", err.what);
	config_file__free(file);
	file = accept("[top]\nscreen = nowhere\n");
	cr_expect_eq(dashboard_check(config_file__config(file), &err), -EINVAL);
	cr_expect(strstr(err.what, "config.ini:2: screen 'nowhere' is no screen"), "%s", err.what);
	config_file__free(file);
	file = accept("[top]\ntheme = lihgt\n");
	cr_expect_eq(dashboard_check(config_file__config(file), &err), -EINVAL);
	cr_expect(strstr(err.what,
			 "config.ini:2: theme 'lihgt' is no theme (did you mean 'light'?)"),
		  "%s", err.what);
	config_file__free(file);
}

Test(app_config_file, choices_for_the_files_screen_are_not_forced_on_another)
{
	struct config_file *file = accept("[top]\nsort = steps\ncolumns = steps,max\nfilter = x\n");
	struct config c = *config_file__config(file);
	struct view_opts opts = dashboard_opts(&c);

	cr_expect_str_eq(opts.sort, "steps");
	cr_expect_str_eq(opts.columns, "steps,max");
	c.screen = "coroutines"; /* named, but the same */
	cr_expect_str_eq(dashboard_opts(&c).sort, "steps");
	c.screen = "flame";
	c.columns = "mine";
	opts = dashboard_opts(&c);
	cr_expect_str_eq(opts.screen, "flame");
	cr_expect_null(opts.sort);
	cr_expect_null(opts.filter);
	cr_expect_str_eq(opts.columns, "mine");
	config_file__free(file);
}
