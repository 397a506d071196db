/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is opened of a target's files, and what is refused whatever its path leads to.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "process/target_file.h"
#include "../deadline.h"

static char folder[64];

static void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/loopstall-target-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
}

static const char *in_folder(const char *name)
{
	static char paths[4][128];
	static size_t next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static void remove_folder(void)
{
	static const char *const names[] = { "file", "link", "fifo", "socket", "dir/file" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlink(in_folder(names[i]));
	rmdir(in_folder("dir"));
	rmdir(folder);
}

static void write_file(const char *path, const char *text)
{
	_cleanup_(file_close) FILE *f = fopen(path, "we");

	cr_assert_not_null(f);
	fputs(text, f);
}

static int open_own(const char *path)
{
	return target_open(getpid(), path);
}

/* The text of the file, up to a few bytes. */
static void expect_text(int fd, const char *text)
{
	char got[32] = "";

	cr_assert_geq(fd, 0, "%s", strerror(-fd));
	cr_expect_gt(read(fd, got, sizeof(got) - 1), 0);
	cr_expect_str_eq(got, text);
	close(fd);
}

static void point_link_at(const char *where)
{
	unlink(in_folder("link"));
	cr_assert_eq(symlink(where, in_folder("link")), 0);
}

static void refuse_link_to(const char *where, int code)
{
	point_link_at(where);
	cr_expect_eq(open_own(in_folder("link")), code, "link to %s", where);
}

/* As systemd does for RestrictSUIDSGID=. */
static void forbid_openat2(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(*code), .filter = code };

	make_folder();
	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

TestSuite(target_file, .init = make_folder, .fini = remove_folder);
TestSuite(target_walk, .init = forbid_openat2, .fini = remove_folder);

/* With openat2() and without it. */
#define TEST_BOTH(name)                                                                            \
	static void name(void);                                                                    \
	TEST_WITHIN(10, target_file, name)                                                         \
	{                                                                                          \
		name();                                                                            \
	}                                                                                          \
	TEST_WITHIN(10, target_walk, name)                                                         \
	{                                                                                          \
		name();                                                                            \
	}                                                                                          \
	static void name(void)

TEST_BOTH(regular_files_are_opened)
{
	char cwd[256];
	int fd;

	write_file(in_folder("file"), "text");
	fd = open_own(in_folder("file"));
	cr_expect_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	expect_text(fd, "text");
	point_link_at("file");
	expect_text(open_own(in_folder("link")), "text");
	point_link_at(in_folder("file"));
	expect_text(open_own(in_folder("link")), "text");
	/* Relative to the working directory. */
	cr_assert_not_null(getcwd(cwd, sizeof(cwd)));
	cr_assert_eq(chdir(folder), 0);
	expect_text(open_own("file"), "text");
	cr_assert_eq(chdir(cwd), 0);
	cr_expect_eq(open_own(in_folder("none")), -ENOENT);
}

TEST_BOTH(devices_are_never_opened)
{
	cr_expect_eq(open_own("/dev/zero"), -ENODEV);
	refuse_link_to("/dev/zero", -ENODEV);
	refuse_link_to("/dev/tty", -ENODEV);
}

static void make_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

TEST_BOTH(what_cannot_be_read_like_a_file_is_refused)
{
	DIR *d = NULL;

	cr_assert_eq(mkfifo(in_folder("fifo"), 0600), 0);
	cr_expect_eq(open_own(in_folder("fifo")), -ENXIO);
	make_socket(in_folder("socket"));
	cr_expect_eq(open_own(in_folder("socket")), -ENXIO);
	cr_expect_eq(open_own(folder), -EISDIR);
	cr_expect_eq(target_open_dir(&d, getpid(), in_folder("fifo")), -ENOTDIR);
}

TEST_BOTH(files_that_the_kernel_makes_up_are_refused)
{
	DIR *d = NULL;

	cr_expect_eq(open_own("/proc/version"), -EMEDIUMTYPE);
	cr_expect_eq(open_own("/proc/self/maps"), -EMEDIUMTYPE);
	cr_expect_eq(open_own("/sys/kernel/uevent_seqnum"), -EMEDIUMTYPE);
	refuse_link_to("/proc/kmsg", -EMEDIUMTYPE);
	cr_expect_eq(target_open_dir(&d, getpid(), "/proc"), -EMEDIUMTYPE);
}

TEST_BOTH(links_that_the_kernel_made_are_not_followed)
{
	cr_expect_eq(open_own("/proc/self/exe"), -ELOOP);
	refuse_link_to("/proc/self/exe", -ELOOP);
	refuse_link_to("/proc/self/root/etc/passwd", -ELOOP);
	point_link_at("link");
	cr_expect_eq(open_own(in_folder("link")), -ELOOP);
	cr_expect_geq(target_open_link(getpid(), "exe"), 0);
	cr_expect_eq(target_open_link(getpid(), "fd/99999"), -ENOENT);
}

/* A child that lives in `folder`/dir, or -1: that takes root. */
static pid_t start_inside(void)
{
	int ready[2];
	char word;
	pid_t child;

	cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		close(ready[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (chroot(in_folder("dir")) == 0 && chdir("/") == 0 && write(ready[1], "r", 1))
			pause();
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &word, 1) != 1) {
		waitpid(child, NULL, 0);
		child = -1;
	}
	close(ready[0]);
	return child;
}

TEST_BOTH(links_stay_inside_the_root_of_the_target)
{
	char outside[128];
	pid_t child;

	cr_assert_eq(mkdir(in_folder("dir"), 0700), 0);
	write_file(in_folder("file"), "outside");
	write_file(in_folder("dir/file"), "inside");
	snprintf(outside, sizeof(outside), "%s", in_folder("file"));
	child = start_inside();
	if (child < 0)
		cr_skip_test("chroot() takes root");
	expect_text(target_open(child, "/file"), "inside");
	expect_text(target_open(child, "file"), "inside");
	expect_text(target_open(child, "/../../file"), "inside");
	expect_text(target_open(child, "/./..//file"), "inside");
	cr_expect_eq(target_open(child, outside), -ENOENT);
	point_link_at("/file");
	cr_assert_eq(rename(in_folder("link"), in_folder("dir/link")), 0);
	expect_text(target_open(child, "/link"), "inside");
	unlink(in_folder("dir/link"));
	cr_assert_eq(symlink(outside, in_folder("dir/link")), 0);
	cr_expect_eq(target_open(child, "/link"), -ENOENT);
	unlink(in_folder("dir/link"));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* Of 40 links, which is as many as are followed, and of one more. */
static void make_chain(void)
{
	char name[16], to[16] = "file";

	for (int i = 0; i <= 40; i++) {
		snprintf(name, sizeof(name), "dir/%d", i);
		cr_assert_eq(symlink(to, in_folder(name)), 0);
		snprintf(to, sizeof(to), "%d", i);
	}
}

static void remove_chain(void)
{
	char name[16];

	for (int i = 0; i <= 40; i++) {
		snprintf(name, sizeof(name), "dir/%d", i);
		unlink(in_folder(name));
	}
}

TEST_BOTH(links_are_followed_from_the_folder_that_they_are_in)
{
	char path[8192];

	cr_assert_eq(mkdir(in_folder("dir"), 0700), 0);
	write_file(in_folder("file"), "above");
	write_file(in_folder("dir/file"), "beside");
	make_chain();
	expect_text(open_own(in_folder("dir/39")), "beside");
	cr_expect_eq(open_own(in_folder("dir/40")), -ELOOP);
	point_link_at("dir/../dir/./0");
	expect_text(open_own(in_folder("link")), "beside");
	expect_text(open_own(in_folder("dir/../file")), "above");
	cr_expect_eq(open_own(in_folder("file/file")), -ENOTDIR);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[300] = 0;
	cr_expect_eq(open_own(path), -ENAMETOOLONG);
	for (size_t i = 0; i < sizeof(path) - 1; i += 2)
		memcpy(path + i, "/.", 2);
	path[sizeof(path) - 1] = 0;
	cr_expect_eq(open_own(path), -ENAMETOOLONG);
	remove_chain();
}

TEST_BOTH(a_process_that_ended_has_none)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	cr_expect_eq(target_open(child, "/etc/passwd"), -ENOENT);
	cr_expect_eq(target_open(child, "file"), -ENOENT);
	cr_expect_eq(target_open_link(child, "exe"), -ENOENT);
}

Test(target_file, each_refusal_has_a_reason)
{
	static const int codes[] = { -ENODEV, -ENXIO, -EISDIR, -ELOOP, -EMEDIUMTYPE };

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		cr_expect_str_neq(target_open_reason(codes[i]), strerror(-codes[i]));
	cr_expect_str_eq(target_open_reason(-EACCES), strerror(EACCES));
}
