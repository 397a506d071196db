/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files are made new, or emptied where that is asked for, and never through a link.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
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

Test(file, never_through_a_link, .init = make_folder, .fini = drop_folder)
{
	struct stat st;

	cr_expect_eq(file__create(link_path, true), -ELOOP);
	cr_expect_eq(file__create(link_path, false), -EEXIST);
	cr_expect_eq(stat(path, &st), -1, "nothing was made behind it");
}
