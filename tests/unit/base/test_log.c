/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages: prefix, levels, one safe line each.
 */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>

#include "base/log.h"

Test(log, prefix_and_level, .init = cr_redirect_stderr)
{
	log_error("cannot %s", "attach");
	log_warn("w");
	log_info("i");
	log_debug("hidden");
	log_set_level(LOG_DEBUG);
	log_debug("d");
	log_set_level(LOG_ERROR);
	log_warn("hidden");
	fflush(stderr);
	cr_assert_stderr_eq_str("loopstall: cannot attach\nloopstall: warning: w\nloopstall: i\n"
				"loopstall: debug: d\n");
}

Test(log, target_text_is_escaped, .init = cr_redirect_stderr)
{
	log_error("process %s", "a\x1b[2J\nb");
	fflush(stderr);
	cr_assert_stderr_eq_str("loopstall: process a\\x1b[2J\\nb\n");
}

Test(log, errno_survives, .init = cr_redirect_stderr)
{
	errno = ENOTTY;
	log_error("x");
	cr_assert_eq(errno, ENOTTY);
}
