/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a process has a name, and that it is said if that cannot be found out. That each single
 * call may fail is tested by tests/faults.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/resource.h>

#include "process/target.h"
#include "python/child.h"

static const char name[] = "a name that only this has";

static pid_t start_named(void)
{
	const pid_t pid = start("sleep", "60", NULL);

	for (int waited = 0; waited < PATIENCE_MS; waited += PAUSE_MS) {
		if (target__has_name(pid, "sleep 60") > 0)
			return pid;
		pause_ms(PAUSE_MS);
	}
	cr_assert(false, "sleep does not run");
	return -1;
}

static void let_no_file_be_opened(rlim_t *ret_before)
{
	struct rlimit limit;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	*ret_before = limit.rlim_cur;
	limit.rlim_cur = 0;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void let_files_be_opened(rlim_t before)
{
	struct rlimit limit;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = before;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

Test(find, has_name)
{
	_cleanup_(stop) pid_t pid = start_named();

	cr_expect_eq(target__has_name(pid, "sleep 60"), 1);
	cr_expect_eq(target__has_name(pid, name), 0);
	cr_expect_eq(target__has_name(getpid(), "unit-tests"), 0, "it is us");
	cr_expect_eq(target__has_name(getppid(), ""), 0, "an ancestor");
	cr_expect_eq(target__has_name(0x7ffffff, name), 0, "there is none");
}

Test(find, name_that_cannot_be_read)
{
	_cleanup_(stop) pid_t pid = start_named();
	rlim_t before;
	int r;

	let_no_file_be_opened(&before);
	r = target__has_name(pid, "sleep 60");
	let_files_be_opened(before);
	cr_assert_eq(r, -EMFILE, "%d", r);
}
