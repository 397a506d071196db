/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Source lines of a process, which is this one.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "symbol/source_lines.h"

#define POOL_BYTES (1U << 20)

struct desk {
	struct strings *pool;
	struct source_lines *lines;
	char path[64];
};

static void desk_init(struct desk *d)
{
	strcpy(d->path, "/tmp/loopstall-source-XXXXXX");
	close(mkstemp(d->path));
	cr_assert_eq(strings__new(&d->pool, POOL_BYTES), 0);
	cr_assert_eq(source_lines__new(&d->lines, d->pool), 0);
}

static void desk_done(struct desk *d)
{
	source_lines__free(d->lines);
	strings__free(d->pool);
	unlink(d->path);
}

/* `age_s` before now. */
static void write_file(struct desk *d, const char *text, size_t n, time_t age_s)
{
	const struct timespec times[2] = { { .tv_sec = time(NULL) - age_s },
					   { .tv_sec = time(NULL) - age_s } };
	int fd = open(d->path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, n), (ssize_t)n);
	cr_assert_eq(futimens(fd, times), 0);
	close(fd);
	source_lines__forget(d->lines, (uint32_t)getpid());
}

static const char *get(struct desk *d, uint32_t line)
{
	return source_lines__get(d->lines, (uint32_t)getpid(), d->path, line);
}

static void expect(struct desk *d, uint32_t line, const char *wanted)
{
	const char *got = get(d, line);

	if (!wanted)
		cr_expect_null(got, "line %u: %s", line, got);
	else if (!got)
		cr_expect_fail("line %u is not known", line);
	else
		cr_expect_str_eq(got, wanted, "line %u: %s", line, got);
}

#define OLD_S 1000000

Test(source_lines, around_a_line)
{
	static const char text[] = "one\ntwo\r\n\tthree\n\nfive\nsix";
	struct desk d;

	desk_init(&d);
	write_file(&d, text, strlen(text), OLD_S);
	expect(&d, 1, "one\ntwo\n\tthree");
	expect(&d, 2, "one\ntwo\n\tthree\n");
	expect(&d, 3, "one\ntwo\n\tthree\n\nfive");
	expect(&d, 5, "\tthree\n\nfive\nsix");
	expect(&d, 6, "\nfive\nsix");
	expect(&d, 7, NULL);
	expect(&d, 0, NULL);
	expect(&d, UINT32_MAX, NULL);
	desk_done(&d);
}

Test(source_lines, a_file_that_ends_with_a_line_feed_has_no_line_behind_it)
{
	struct desk d;

	desk_init(&d);
	write_file(&d, "a\nb\n", 4, OLD_S);
	expect(&d, 2, "a\nb");
	expect(&d, 3, NULL);
	write_file(&d, "", 0, OLD_S);
	expect(&d, 1, NULL);
	desk_done(&d);
}

Test(source_lines, newer_than_the_process)
{
	struct desk d;

	desk_init(&d);
	write_file(&d, "old\n", 4, OLD_S);
	expect(&d, 1, "old");
	write_file(&d, "new\n", 4, -100);
	expect(&d, 1, NULL);
	desk_done(&d);
}

Test(source_lines, what_is_no_text)
{
	char line[4 * SOURCE_LINES_MAX_COLUMNS];
	struct desk d;

	desk_init(&d);
	write_file(&d, "a\0b\xff\033[2J\n", 9, OLD_S);
	expect(&d, 1, "a b\xef\xbf\xbd\033[2J");
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	write_file(&d, line, sizeof(line), OLD_S);
	cr_expect_eq(strlen(get(&d, 1)), SOURCE_LINES_MAX_COLUMNS);
	desk_done(&d);
}

/* What is no ordinary file stays closed: process/target_file.h. */
Test(source_lines, what_is_no_file)
{
	struct desk d;

	desk_init(&d);
	unlink(d.path);
	expect(&d, 1, NULL);
	cr_assert_eq(mkfifo(d.path, 0600), 0);
	source_lines__forget(d.lines, (uint32_t)getpid());
	expect(&d, 1, NULL);
	unlink(d.path);
	cr_assert_eq(symlink("/proc/self/status", d.path), 0);
	source_lines__forget(d.lines, (uint32_t)getpid());
	expect(&d, 1, NULL);
	cr_expect_null(source_lines__get(d.lines, (uint32_t)getpid(), "/", 1));
	desk_done(&d);
}

/* Once: what a target does to its file later is not read again. */
Test(source_lines, a_place_is_read_once_and_there_is_an_end_to_places)
{
	struct desk d;
	uint32_t i;

	desk_init(&d);
	write_file(&d, "a\nb\n", 4, OLD_S);
	expect(&d, 1, "a\nb");
	unlink(d.path);
	expect(&d, 1, "a\nb");
	for (i = 2; i <= SOURCE_LINES_MAX_PLACES; i++)
		expect(&d, i, NULL);
	close(open(d.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	source_lines__forget(d.lines, 1);
	expect(&d, SOURCE_LINES_MAX_PLACES + 1, NULL);
	expect(&d, 1, "a\nb");
	desk_done(&d);
}
