/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsers of /proc files: ordinary text, odd names, hostile text.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "process/procfs.h"

static struct maps *parse(const char *text)
{
	struct maps *maps = NULL;

	cr_assert_eq(maps__parse(&maps, text, strlen(text), "/"), 0);
	return maps;
}

Test(maps, file_mappings_are_kept_others_are_not)
{
	_cleanup_(maps__freep) struct maps *m =
		parse("00400000-0041f000 r--p 00000000 fe:00 1234 /usr/bin/python3.11\n"
		      "0041f000-006d2000 r-xp 0001f000 fe:01 1234 /usr/bin/python3.11\n"
		      "01f2b000-02000000 rw-p 00000000 00:00 0 [heap]\n"
		      "7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n"
		      "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0 [stack]\n"
		      "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n");

	cr_assert_eq(m->n, 2);
	cr_assert_eq(m->entries[1].start, 0x41f000);
	cr_assert_eq(m->entries[1].end, 0x6d2000);
	cr_assert_eq(m->entries[1].offset, 0x1f000);
	cr_assert_eq(m->entries[1].dev, makedev(0xfe, 1));
	cr_assert_eq(m->entries[1].ino, 1234);
	cr_assert(m->entries[1].is_executable);
	cr_assert(!m->entries[0].is_executable);
	cr_assert_str_eq(m->entries[1].name, "python3.11");
}

Test(maps, stamp_changes_with_the_files)
{
	static const char exe[] = "1000-2000 r-xp 0 00:01 7 /bin/python3\n";
	static const struct {
		const char *text;
		bool is_same;
	} cases[] = {
		{ "1000-2000 r-xp 0 00:01 7 /bin/python3\n", true },
		{ "1000-2000 r-xp 0 00:01 7 /bin/python3\n3000-4000 rw-p 0 00:00 0 [heap]\n",
		  true },
		{ "1000-2000 r-xp 0 00:01 7 /bin/python3\n5000-6000 r-xp 0 00:01 8 /lib/x.so\n",
		  false },
		{ "2000-3000 r-xp 0 00:01 7 /bin/python3\n", false },
		{ "1000-2000 r-xp 0 00:01 9 /bin/python3\n", false },
		{ "1000-2000 r-xp 0 00:01 7 /bin/python3 (deleted)\n", false },
		{ "", false },
	};
	_cleanup_(maps__freep) struct maps *m = parse(exe);

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		_cleanup_(maps__freep) struct maps *other = parse(cases[i].text);

		cr_assert_eq(maps__stamp(m) == maps__stamp(other), cases[i].is_same, "case %zu", i);
	}
}

Test(maps, odd_names)
{
	_cleanup_(maps__freep) struct maps *m =
		parse("1000-2000 r-xp 0 00:01 1 /srv/my app/lib (1).so\n"
		      "2000-3000 r-xp 0 00:01 2 /tmp/x.so (deleted)\n"
		      "3000-4000 r-xp 0 00:01 3 /tmp/(deleted)\n"
		      "4000-5000 r-xp 0 00:01 4 /tmp/a\\012b\n"
		      "5000-6000 r-xp 0 00:01 5 /\n"
		      "6000-7000 r-xp 0 00:01 6 / (deleted)\n");

	cr_assert_eq(m->n, 6);
	cr_assert_str_eq(m->entries[0].path, "/srv/my app/lib (1).so");
	cr_assert_str_eq(m->entries[0].name, "lib (1).so");
	cr_assert_str_eq(m->entries[1].path, "/tmp/x.so");
	cr_assert(m->entries[1].is_deleted);
	cr_assert_str_eq(m->entries[2].path, "/tmp/(deleted)");
	cr_assert(!m->entries[2].is_deleted);
	cr_assert_str_eq(m->entries[3].name, "a\nb");
	cr_assert_str_eq(m->entries[4].name, "");
	cr_assert(m->entries[5].is_deleted);
}

Test(maps, hostile_lines_are_skipped)
{
	_cleanup_(maps__freep) struct maps *m =
		parse("\n\n-\nzzz-yyy r-xp 0 00:01 1 /a\n"
		      "2000-1000 r-xp 0 00:01 1 /backwards\n"
		      "1000-2000 r-xp 0 00:01 /no-inode\n"
		      "1000-2000\n"
		      "1000-2000 rwxprwxprwxprwxp 0 00:01 1 /perms\n"
		      "1000-2000 r-xp 0 00:01 1 relative\n"
		      "1000-2000 r-xp 0 00:01 1 /last-without-newline");

	cr_assert_eq(m->n, 1);
	cr_assert_str_eq(m->entries[0].path, "/last-without-newline");
}

Test(maps, empty)
{
	_cleanup_(maps__freep) struct maps *m = parse("");

	cr_assert_eq(m->n, 0);
	cr_assert_null(maps__find_path(m, "/x"));
}

Test(maps, huge_text_is_bounded)
{
	static const char line[] = "1000-2000 r-xp 00000000 00:01 1 /lib/x.so\n";
	const size_t n = 150000;
	_cleanup_free_ char *text = malloc(n * strlen(line));
	_cleanup_(maps__freep) struct maps *m = NULL;

	for (size_t i = 0; i < n; i++)
		memcpy(text + i * strlen(line), line, strlen(line));
	cr_assert_eq(maps__parse(&m, text, n * strlen(line), "/"), 0);
	cr_assert_eq(m->n, 100000);
}

Test(maps, long_path)
{
	char text[6000] = "1000-2000 r-xp 0 00:01 1 /";
	_cleanup_(maps__freep) struct maps *m = NULL;
	size_t len = strlen(text);

	memset(text + len, 'a', sizeof(text) - len);
	cr_assert_eq(maps__parse(&m, text, sizeof(text), "/"), 0);
	cr_assert_eq(m->n, 1);
	cr_assert_eq(strlen(m->entries[0].path), sizeof(text) - len + 1);
}

Test(maps, text_with_nul_bytes)
{
	static const char text[] = "1000-2000 r-xp 0 00:01 1 /a\0b\n2000-3000 r-xp 0 00:01 1 /c\n";
	_cleanup_(maps__freep) struct maps *m = NULL;

	cr_assert_eq(maps__parse(&m, text, sizeof(text) - 1, "/"), 0);
	cr_assert_leq(m->n, 2);
}

Test(maps, look_ups)
{
	_cleanup_(maps__freep) struct maps *m =
		parse("1000-2000 r-xp 0 00:01 1 /lib/libpython3.12.so.1.0\n"
		      "2000-3000 r-xp 0 00:01 2 /x/lib-dynload/a.so\n");

	cr_assert_eq(maps__find_path(m, "/x/lib-dynload/a.so"), &m->entries[1]);
	cr_assert_eq(maps__find_name(m, "libpython"), &m->entries[0]);
	cr_assert_eq(maps__find_part(m, "/lib-dynload/"), &m->entries[1]);
	cr_assert_null(maps__find_name(m, "python"));
}

Test(proc_stat, name_may_hold_anything)
{
	struct proc_stat stat;

	cr_assert_eq(proc_stat__parse(&stat,
				      "42 (a) R (b)) S 7 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 "
				      "0 "
				      "987654 1 2"),
		     0);
	cr_assert_str_eq(stat.comm, "a) R (b)");
	cr_assert_eq(stat.state, 'S');
	cr_assert_eq(stat.ppid, 7);
	cr_assert_eq(stat.start_time_ticks, 987654);
	cr_assert(!stat.is_kernel_thread);
}

Test(proc_stat, kernel_thread)
{
	struct proc_stat stat;

	cr_assert_eq(
		proc_stat__parse(&stat,
				 "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 4 0"),
		0);
	cr_assert(stat.is_kernel_thread);
}

Test(proc_stat, damaged)
{
	static const char *const texts[] = {
		"", "1", "1 (", "1 )x(", "1 (x)", "1 (x) S 1 2", ")("
	};
	struct proc_stat stat;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		cr_assert_eq(proc_stat__parse(&stat, texts[i]), -EINVAL, "%s", texts[i]);
}

Test(proc_status, innermost_pid_is_taken)
{
	struct proc_status status;

	cr_assert_eq(
		proc_status__parse(&status,
				   "Name:\tx\nTgid:\t77\nUid:\t1\t1000\t1\t1\nNSpid:\t78\t5\t1\n"
				   "NSpgid:\t9\t9\t9\n"),
		0);
	cr_assert_eq(status.tgid, 77);
	cr_assert_eq(status.uid, 1000);
	cr_assert_eq(status.ns_pid, 1);
}

Test(proc_status, without_namespaces)
{
	struct proc_status status;

	cr_assert_eq(proc_status__parse(&status, "Tgid:\t77\nUid:\t0\t0\t0\t0\n"), 0);
	cr_assert_eq(status.ns_pid, 0);
	cr_assert_eq(proc_status__parse(&status, "Name:\tx\n"), -EINVAL);
}

Test(proc_status, groups)
{
	static const char text[] = "Gid:\t5\t6\t6\t6\nFDSize:\t64\nGroups:\t7 88 \nNStgid:\t9\n";
	static const struct {
		gid_t gid;
		bool is_in;
	} cases[] = { { 5, true },  { 6, true },   { 7, true },	 { 88, true },
		      { 8, false }, { 64, false }, { 9, false }, { 0, false } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		cr_expect_eq(proc_status_has_group(text, cases[i].gid), cases[i].is_in, "group %u",
			     cases[i].gid);
	cr_expect_not(proc_status_has_group("Gid:\tx\nGroups:\t\n", 0));
	cr_expect_not(proc_status_has_group("", 0));
}

/* A child, so that this process keeps its user. */
Test(proc_status, what_a_process_may_read)
{
	const struct stat own = { .st_uid = 4711, .st_gid = 1, .st_mode = S_IFREG | 0400 },
			  groups = { .st_uid = 1, .st_gid = 4712, .st_mode = S_IFREG | 0640 },
			  all = { .st_uid = 1, .st_gid = 1, .st_mode = S_IFREG | 0604 },
			  others = { .st_uid = 1, .st_gid = 1, .st_mode = S_IFREG | 0640 },
			  hidden = { .st_uid = 4711, .st_gid = 1, .st_mode = S_IFREG | 0044 };
	int status, gate[2];
	char ready;
	pid_t child;

	if (geteuid())
		cr_skip_test("only root becomes another user");
	cr_assert_eq(pipe(gate), 0);
	child = fork();
	if (!child) {
		if (setgroups(0, NULL) || setgid(4712) || setuid(4711) ||
		    write(gate[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	cr_assert_eq(read(gate[0], &ready, 1), 1);
	cr_expect_eq(proc_may_read(child, &own), 1);
	cr_expect_eq(proc_may_read(child, &groups), 1);
	cr_expect_eq(proc_may_read(child, &all), 1);
	cr_expect_eq(proc_may_read(child, &others), 0);
	cr_expect_eq(proc_may_read(child, &hidden), 0);
	cr_expect_eq(proc_may_read(getpid(), &others), 1, "root");
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	cr_expect_lt(proc_may_read(child, &own), 0, "it has ended");
}

Test(maps, paths_are_named_from_the_root_of_the_process)
{
	static const char text[] = "1000-2000 r-xp 0 00:01 1 /srv/tree/usr/bin/python3\n"
				   "2000-3000 r-xp 0 00:01 2 /srv/tree/usr/lib/x.so (deleted)\n"
				   "3000-4000 r-xp 0 00:01 3 /srv/treetop/y.so\n"
				   "4000-5000 r-xp 0 00:01 4 /usr/z.so\n";
	_cleanup_(maps__freep) struct maps *m = NULL;

	cr_assert_eq(maps__parse(&m, text, sizeof(text) - 1, "/srv/tree"), 0);
	cr_assert_eq(m->n, 4);
	cr_assert_str_eq(m->entries[0].path, "/usr/bin/python3");
	cr_assert_str_eq(m->entries[1].path, "/usr/lib/x.so");
	cr_assert(m->entries[1].is_deleted);
	cr_assert_str_eq(m->entries[2].path, "/srv/treetop/y.so");
	cr_assert_str_eq(m->entries[3].path, "/usr/z.so");
}

Test(cgroup, the_unified_one_wins)
{
	char text[] = "4:memory:/old\n0::/system.slice/docker-4f1a.scope\n";
	char *cgroup = proc_cgroup__parse(text);

	cr_assert_str_eq(cgroup, "/system.slice/docker-4f1a.scope");
}

Test(cgroup, the_first_older_one_that_is_not_the_root)
{
	char text[] = "9:name=systemd:/\n5:devices:/docker/4f1a\n4:memory:/other\n0::/\n";
	char *cgroup = proc_cgroup__parse(text);

	cr_assert_str_eq(cgroup, "/docker/4f1a");
}

Test(cgroup, none)
{
	char texts[][40] = { "",    "0::/\n", "no colon", "1:memory", "1:memory:\n0::relative\n",
			     "\n\n" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cr_assert_null(proc_cgroup__parse(texts[i]), "%zu", i);
}
