/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files are made new, or emptied where that is asked for, and never through a link.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

static char folder[64], path[96], link_path[96];

static void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/loopstall-file-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/file", folder);
	snprintf(link_path, sizeof(link_path), "%s/link", folder);
	cr_assert_eq(symlink("file", link_path), 0);
}

static void drop_folder(void)
{
	unlink(path);
	unlink(link_path);
	rmdir(folder);
}

static off_t size_of_file(void)
{
	struct stat st;

	cr_assert_eq(stat(path, &st), 0);
	return st.st_size;
}

Test(file, new_or_replaced, .init = make_folder, .fini = drop_folder)
{
	FILE *f = NULL;

	cr_assert_eq(file__create_stream(&f, path, false), 0);
	fputs("first", f);
	file_close(&f);
	cr_expect_eq(size_of_file(), 5);
	cr_expect_eq(file__create(path, false), -EEXIST);
	cr_expect_eq(file__create_stream(&f, path, false), -EEXIST);
	cr_expect_null(f);
	cr_expect_eq(size_of_file(), 5);
	cr_assert_eq(file__create_stream(&f, path, true), 0);
	file_close(&f);
	cr_expect_eq(size_of_file(), 0);
}

Test(file, all_is_written, .init = make_folder, .fini = drop_folder)
{
	_cleanup_fd_ int fd = file__create(path, false), read_only = -1;

	cr_assert_eq(file_write_all(fd, "", 0), 0);
	cr_assert_eq(file_write_all(fd, "first ", 6), 0);
	cr_assert_eq(file_write_all(fd, "second", 6), 0);
	cr_expect_eq(size_of_file(), 12);
	read_only = open(path, O_RDONLY | O_CLOEXEC);
	cr_expect_eq(file_write_all(read_only, "x", 1), -EBADF);
}

/* A pipe takes a part at a time, and what it has taken stays. */
Test(file, all_is_written_in_parts)
{
	static char data[1 << 20];
	char buf[4096];
	size_t n_read = 0;
	int ends[2];
	ssize_t n;
	pid_t pid;

	cr_assert_eq(pipe(ends), 0);
	pid = fork();
	if (!pid)
		_exit(file_write_all(ends[1], data, sizeof(data)) ? 1 : 0);
	close(ends[1]);
	while ((n = read(ends[0], buf, sizeof(buf))) > 0)
		n_read += (size_t)n;
	cr_expect_eq(n_read, sizeof(data));
	close(ends[0]);
	waitpid(pid, NULL, 0);
}

Test(file, never_through_a_link, .init = make_folder, .fini = drop_folder)
{
	struct stat st;

	cr_expect_eq(file__create(link_path, true), -ELOOP);
	cr_expect_eq(file__create(link_path, false), -EEXIST);
	cr_expect_eq(stat(path, &st), -1, "nothing was made behind it");
}

/* In a child: Criterion needs its own. */
static int files_become_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		close(fd);
	file_hold_standard_streams();
	if (open("/dev/null", O_WRONLY | O_CLOEXEC) <= STDERR_FILENO)
		return 1;
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (write(fd, "x", 1) != -1 || errno != EBADF)
			return 2;
	return 0;
}

Test(file, no_file_becomes_a_standard_stream)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(files_become_streams());
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect_eq(status, 0);
}
