/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report of a failure: its exit code, and the capabilities that are missing.
 */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/privs.h"
#include "app/say.h"
#include "base/exit.h"

/* The library's idea of what this process may do; the kernel is not asked. */
static void permit_only(int capability)
{
	capng_clear(CAPNG_SELECT_CAPS);
	if (capability >= 0)
		capng_update(CAPNG_ADD, CAPNG_PERMITTED, (unsigned int)capability);
}

static void expect_missing(int permitted, const char *names)
{
	char buf[128];

	permit_only(permitted);
	privs_missing(buf, sizeof(buf));
	cr_expect_str_eq(buf, names);
}

Test(app_say, capabilities_that_are_missing)
{
	expect_missing(-1, "CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE");
	expect_missing(CAP_BPF, "CAP_PERFMON, CAP_SYS_PTRACE");
	expect_missing(CAP_SYS_ADMIN, "CAP_SYS_PTRACE");
}

Test(app_say, a_capability_that_includes_another)
{
	permit_only(CAP_DAC_OVERRIDE);
	cr_expect(priv_is_there(PRIV_DAC_READ_SEARCH));
	cr_expect_not(priv_is_there(PRIV_CHECKPOINT_RESTORE));
	permit_only(CAP_SYS_ADMIN);
	cr_expect(priv_is_there(PRIV_CHECKPOINT_RESTORE));
	cr_expect_not(priv_is_there(PRIV_DAC_READ_SEARCH));
}

Test(app_say, missing_names_are_cut_at_the_end_of_the_buffer)
{
	char buf[12];

	permit_only(-1);
	privs_missing(buf, sizeof(buf));
	cr_expect_str_eq(buf, "CAP_BPF, CA");
}

Test(app_say, sudo_only_counts_for_root)
{
	setenv("SUDO_USER", "no-such-user", 1);
	cr_expect_null(privs_sudo_user());
	setenv("SUDO_USER", "root", 1);
	cr_expect_eq(!privs_sudo_user(), geteuid() != 0);
	setenv("SUDO_USER", "", 1);
	cr_expect_null(privs_sudo_user());
}

static const struct passwd *sudo_user(const char *uid, const char *gid)
{
	setenv("SUDO_USER", "no-such-user", 1);
	setenv("SUDO_UID", uid, 1);
	setenv("SUDO_GID", gid, 1);
	return privs_sudo_user();
}

Test(app_say, a_sudo_user_without_an_entry_has_the_numbers_of_sudo)
{
	const struct passwd *user = sudo_user("70001", "70002");

	if (geteuid() != 0) {
		cr_expect_null(user);
		return;
	}
	cr_assert(user);
	cr_expect_str_eq(user->pw_name, "no-such-user");
	cr_expect_eq(user->pw_uid, 70001);
	cr_expect_eq(user->pw_gid, 70002);
	cr_expect_null(sudo_user("70001", ""));
	cr_expect_null(sudo_user("-1", "1"));
	cr_expect_null(sudo_user("4294967295", "1")); /* no number of a user, but "unchanged" */
	cr_expect_null(sudo_user("1 2", "1"));
}

Test(app_say, a_refusal_names_the_capabilities, .init = cr_redirect_stderr)
{
	struct err err = {};

	permit_only(CAP_SYS_ADMIN);
	err__set(&err, -EPERM, "cannot load");
	cr_expect_eq(say_failure(-EPERM, &err), EXIT_CANNOT_ATTACH);
	cr_expect_stderr_eq_str("loopstall: cannot load; run as root, or with the missing "
				"capabilities: CAP_SYS_PTRACE\n");
}

/* Where the module that failed knows better, or the cause is another, they are not named. */
Test(app_say, advice_of_the_module_comes_first, .init = cr_redirect_stderr)
{
	struct err advised = {}, other = {};

	permit_only(-1);
	err__set(&advised, -EPERM, "cannot load");
	err__hint(&advised, -EPERM, "mount it");
	say_failure(-EPERM, &advised);
	err__set(&other, -ENOENT, "no process 7");
	say_failure(-ENOENT, &other);
	say_failure(-ENOMEM, &(struct err){});
	cr_expect_stderr_eq_str("loopstall: cannot load; mount it\n"
				"loopstall: no process 7\n"
				"loopstall: Cannot allocate memory\n");
}

Test(app_say, a_verdict_survives_that_it_cannot_be_written, .init = cr_redirect_stderr)
{
	cr_expect_eq(say_written(EXIT_LIMIT, 0), EXIT_LIMIT);
	cr_expect_eq(say_written(EXIT_FINE, -EPIPE), EXIT_FINE, "the reader has gone");
	cr_expect_eq(say_written(EXIT_FINE, -ENOSPC), EXIT_INCONCLUSIVE);
	cr_expect_eq(say_written(EXIT_LIMIT, -ENOSPC), EXIT_LIMIT);
}

Test(app_say, stdout_that_is_full, .init = cr_redirect_stderr)
{
	const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	cr_assert_geq(dup2(full, STDOUT_FILENO), 0);
	fputs("lost", stdout);
	cr_expect_eq(say_finish(EXIT_FINE), EXIT_INCONCLUSIVE);
	cr_expect_stderr_eq_str("loopstall: cannot write to stdout: No space left on device\n");
	cr_expect_eq(say_json(NULL), -ENOMEM);
}
