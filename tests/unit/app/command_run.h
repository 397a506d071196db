/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a command of the program in the test's own process: what it prints, and its exit code.
 */
#ifndef TESTS_APP_COMMAND_RUN_H
#define TESTS_APP_COMMAND_RUN_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/commands.h"

#define MAX_ARGS 16

/* One run of a command. */
struct run {
	int code;
	char *out, *err;
};

/* Sends a standard stream to a temporary file; returns a copy of the stream's descriptor. */
static inline int divert(FILE *stream, int to)
{
	int saved;

	fflush(stream);
	saved = dup(fileno(stream));
	cr_assert_geq(dup2(to, fileno(stream)), 0);
	return saved;
}

static inline void restore(FILE *stream, int saved)
{
	fflush(stream);
	cr_assert_geq(dup2(saved, fileno(stream)), 0);
	close(saved);
}

static inline char *slurp(FILE *file)
{
	const long n = ftell(file);
	char *text = calloc(1, (size_t)n + 1);

	cr_assert_not_null(text);
	rewind(file);
	cr_assert_eq(fread(text, 1, (size_t)n, file), (size_t)n);
	fclose(file);
	return text;
}

/* Runs `words`, NULL at the end, as a command line without the program's name. */
static inline struct run run_words(const char *const *words)
{
	const struct cli_command *command = cli_find(all_commands, words[0]);
	FILE *out = tmpfile(), *err = tmpfile();
	char *argv[MAX_ARGS + 1] = {};
	struct config config = {};
	struct err fault = {};
	struct run run = {};
	int n = 0, saved_out, saved_err;

	cr_assert_not_null(command, "no command %s", words[0]);
	for (; words[n]; n++)
		argv[n] = (char *)words[n];
	cr_assert_eq(cli_parse(command, NULL, n, argv, &config, &fault), 0, "%s", fault.what);
	saved_out = divert(stdout, fileno(out));
	saved_err = divert(stderr, fileno(err));
	run.code = command->run(&config);
	restore(stdout, saved_out);
	restore(stderr, saved_err);
	fseek(out, 0, SEEK_END);
	fseek(err, 0, SEEK_END);
	run.out = slurp(out);
	run.err = slurp(err);
	return run;
}

#define RUN(...) run_words((const char *const[]){ __VA_ARGS__, NULL })

static inline void run_done(struct run *run)
{
	free(run->out);
	free(run->err);
}

/* Exactly one line on stderr, with `part` in it, nothing on stdout. */
static inline void expect_refused(struct run run, int code, const char *part)
{
	cr_expect_eq(run.code, code, "exit code %d", run.code);
	cr_expect_str_empty(run.out);
	cr_expect(strstr(run.err, part), "\"%s\" is not in: %s", part, run.err);
	cr_expect_eq(strchr(run.err, '\n'), strrchr(run.err, '\n'), "more lines: %s", run.err);
	run_done(&run);
}

#endif
