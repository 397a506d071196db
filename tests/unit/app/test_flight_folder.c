/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The folder of a flight recorder: how its files are named, which are removed, and that no other
 * one is touched.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/flight_folder.h"

#define SECOND 1000000000ULL
#define TIME_NS (1795875301 * SECOND + 7000000) /* 2026-11-28 14:15:01.007 UTC */

struct stage {
	char path[64];
	struct flight_folder folder;
	struct ring_copy copy;
};

static void stage_begin(struct stage *s, unsigned int max_files, uint64_t max_bytes)
{
	struct err err = {};

	memset(s, 0, sizeof(*s));
	strcpy(s->path, "/tmp/loopstall-test-XXXXXX");
	cr_assert_not_null(mkdtemp(s->path));
	s->folder.max_files = max_files;
	s->folder.max_bytes = max_bytes;
	cr_assert_eq(flight_folder__open(&s->folder, s->path, &err), 0, "%s", err.what);
	s->copy.n = 2;
	for (size_t i = 0; i < 2; i++) {
		s->copy.parts[i].fd = memfd_create("part", MFD_CLOEXEC);
		s->copy.parts[i].bytes = 50;
		cr_assert_eq(ftruncate(s->copy.parts[i].fd, 80), 0);
	}
}

static bool has(const struct stage *s, const char *name)
{
	return faccessat(s->folder.fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void make(const struct stage *s, const char *name)
{
	const int fd = openat(s->folder.fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, "mine", 4), 4);
	close(fd);
}

static void stage_end(struct stage *s)
{
	DIR *dir = opendir(s->path);
	const struct dirent *entry;

	while ((entry = readdir(dir)))
		unlinkat(s->folder.fd, entry->d_name, 0);
	closedir(dir);
	flight_folder__done(&s->folder);
	rmdir(s->path);
	for (size_t i = 0; i < s->copy.n; i++)
		close(s->copy.parts[i].fd);
}

static void write_at(struct stage *s, uint64_t unix_ns, const char *expected)
{
	const struct recording_id id = { .unix_ns = unix_ns, .pid = 4242, .reason = "stall" };
	char name[RECORDING_NAME_BYTES];
	struct stat st;

	cr_assert_eq(flight_folder__write(&s->folder, &id, &s->copy, name), 0);
	cr_expect_str_eq(name, expected);
	cr_assert_eq(fstatat(s->folder.fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	cr_expect_eq(st.st_size, 100);
}

Test(app_flight_folder, names_say_when_who_and_why)
{
	struct stage s;

	stage_begin(&s, 10, 0);
	write_at(&s, TIME_NS, "loopstall-20261128T141501.007Z-4242-stall.ls");
	stage_end(&s);
}

/* A name that is taken, by a file or a link, gets a number. */
Test(app_flight_folder, never_over_another_file)
{
	struct stage s;
	char text[8] = "";
	int fd;

	stage_begin(&s, 10, 0);
	make(&s, "loopstall-20261128T141501.007Z-4242-stall.ls");
	cr_assert_eq(symlinkat("/nowhere", s.folder.fd,
			       "loopstall-20261128T141501.007Z-4242-stall-2.ls"),
		     0);
	write_at(&s, TIME_NS, "loopstall-20261128T141501.007Z-4242-stall-3.ls");
	fd = openat(s.folder.fd, "loopstall-20261128T141501.007Z-4242-stall.ls", O_RDONLY);
	cr_expect_eq(read(fd, text, sizeof(text)), 4);
	cr_expect_str_eq(text, "mine");
	close(fd);
	stage_end(&s);
}

Test(app_flight_folder, the_oldest_make_room)
{
	static const char *const others[] = {
		"notes.txt",
		"loopstall-20200101T000000.000Z-1-stall.ls.bak",
		"loopstall-20200101T000000.000Z-1-STALL.ls",
		"loopstall-20200101T000000Z-1-stall.ls",
		"loopstall-20200101T000000.000Z-1-stall-.lsx",
		"xloopstall-20200101T000000.000Z-1-stall.ls",
		".loopstall-20200101T000000.000Z-1-stall.ls.tmp",
	};
	struct stage s;

	stage_begin(&s, 2, 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		make(&s, others[i]);
	make(&s, "loopstall-20200101T000000.000Z-1-exit.ls");
	make(&s, "loopstall-20210101T000000.000Z-1-stall-2.ls");
	write_at(&s, TIME_NS, "loopstall-20261128T141501.007Z-4242-stall.ls");
	cr_expect_not(has(&s, "loopstall-20200101T000000.000Z-1-exit.ls"));
	cr_expect(has(&s, "loopstall-20210101T000000.000Z-1-stall-2.ls"));
	write_at(&s, TIME_NS + SECOND, "loopstall-20261128T141502.007Z-4242-stall.ls");
	cr_expect_not(has(&s, "loopstall-20210101T000000.000Z-1-stall-2.ls"));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		cr_expect(has(&s, others[i]), "%s was removed", others[i]);
	stage_end(&s);
}

Test(app_flight_folder, bytes_are_limited_too)
{
	struct stage s;

	stage_begin(&s, 10, 250);
	write_at(&s, TIME_NS, "loopstall-20261128T141501.007Z-4242-stall.ls");
	write_at(&s, TIME_NS + SECOND, "loopstall-20261128T141502.007Z-4242-stall.ls");
	write_at(&s, TIME_NS + 2 * SECOND, "loopstall-20261128T141503.007Z-4242-stall.ls");
	cr_expect_not(has(&s, "loopstall-20261128T141501.007Z-4242-stall.ls"));
	cr_expect(has(&s, "loopstall-20261128T141502.007Z-4242-stall.ls"));
	stage_end(&s);
}

/* A recorder that was killed long ago is not writing any more. */
Test(app_flight_folder, an_abandoned_file_is_removed)
{
	const char *old = ".loopstall-20200101T000000.000Z-1-stall.ls.tmp";
	const struct timespec times[2] = { { .tv_sec = 1577836800 }, { .tv_sec = 1577836800 } };
	struct stage s;

	stage_begin(&s, 10, 0);
	make(&s, old);
	cr_assert_eq(utimensat(s.folder.fd, old, times, 0), 0);
	write_at(&s, TIME_NS, "loopstall-20261128T141501.007Z-4242-stall.ls");
	cr_expect_not(has(&s, old));
	stage_end(&s);
}

Test(app_flight_folder, a_failure_leaves_nothing)
{
	const struct recording_id id = { .unix_ns = TIME_NS, .pid = 1, .reason = "exit" };
	char name[RECORDING_NAME_BYTES];
	struct stage s;

	stage_begin(&s, 10, 0);
	/* More than there is. */
	s.copy.parts[1].bytes = 81;
	cr_expect_eq(flight_folder__write(&s.folder, &id, &s.copy, name), -EIO);
	cr_expect_not(has(&s, "loopstall-20261128T141501.007Z-1-exit.ls"));
	cr_expect_not(has(&s, ".loopstall-20261128T141501.007Z-1-exit.ls.tmp"));
	stage_end(&s);
}

Test(app_flight_folder, a_folder_that_is_none)
{
	struct flight_folder folder = { .fd = -1 };
	struct err err = {};

	cr_expect_eq(flight_folder__open(&folder, "/nowhere/at all", &err), -ENOENT);
	cr_expect_not_null(strstr(err.what, "/nowhere/at all"));
	cr_expect_not_null(strstr(err.hint, "mkdir -p"));
	cr_expect_eq(flight_folder__open(&folder, "/dev/null", &err), -ENOTDIR);
	flight_folder__done(&folder);
}
