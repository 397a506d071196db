/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a static program knows of users: the lines of files, and what is not in them.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/user_files.h"
#include "base/cleanup.h"

static char path[] = "/tmp/loopstall-users-XXXXXX";

static char ann[] = "ann";

static void write_file(const char *text)
{
	const int fd = mkstemp(path);

	cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void remove_file(void)
{
	unlink(path);
}

TestSuite(app_user_files, .fini = remove_file);

Test(app_user_files, finds_by_name_and_by_number)
{
	const struct passwd *user;

	write_file("root:x:0:0:root:/root:/bin/sh\n"
		   "# a comment\n"
		   "short:x:9\n"
		   "ann:x:1000:100::/home/ann:/bin/sh\n"
		   "annabel:x:1001:100::/home/annabel:/bin/sh"); /* no line feed at the end */
	user = user_files__by_name(path, "annabel");
	cr_assert(user);
	cr_expect_eq(user->pw_uid, 1001);
	cr_expect_str_eq(user->pw_dir, "/home/annabel");
	user = user_files__by_uid(path, 1000);
	cr_assert(user);
	cr_expect_str_eq(user->pw_name, "ann");
	cr_expect_eq(user->pw_gid, 100);
	cr_expect_null(user_files__by_name(path, "an"));
	cr_expect_null(user_files__by_uid(path, 9));
}

Test(app_user_files, a_missing_file_has_nobody)
{
	const struct passwd user = { .pw_name = ann, .pw_gid = 7 };
	_cleanup_free_ gid_t *groups = NULL;

	cr_expect_null(user_files__by_uid("/nonexistent/passwd", 0));
	cr_expect_null(user_files__by_name("/nonexistent/passwd", "root"));
	cr_assert_eq(user_files__groups("/nonexistent/group", &user, &groups), 1);
	cr_expect_eq(groups[0], 7);
}

Test(app_user_files, groups_are_the_own_one_and_those_that_list_the_name)
{
	const struct passwd user = { .pw_name = ann, .pw_gid = 100 };
	const gid_t expected[] = { 100, 4, 27, 28, 29, 30 };
	_cleanup_free_ gid_t *groups = NULL;

	write_file("adm:x:4:root,ann\n"
		   "users:x:100:ann\n"
		   "other:x:5:annabel,an\n"
		   "sudo:x:27:ann\n"
		   "empty:x:6:\n"
		   "c:x:28:ann\nd:x:29:ann\ne:x:30:bob,ann,eve\n");
	cr_assert_eq(user_files__groups(path, &user, &groups), 6);
	cr_expect_arr_eq(groups, expected, sizeof(expected));
}
