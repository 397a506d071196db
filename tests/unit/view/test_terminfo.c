/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminals that are built in. That curses can use them is shown where no others are: by the
 * tests of the static program (tests/dist).
 */
#include <criterion/criterion.h>
#include <string.h>

#include "view/terminfo.h"

Test(view_terminfo, knows_the_usual_terminals)
{
	cr_assert(terminfo_built_in("xterm-256color"));
	cr_expect(!strncmp(terminfo_built_in("xterm-256color"), "b64:", 4));
	cr_expect_neq(terminfo_built_in("xterm"), terminfo_built_in("xterm-256color"));
	cr_expect(terminfo_built_in("linux"));
}

Test(view_terminfo, has_no_description_of_others)
{
	cr_expect_null(terminfo_built_in("no-such-terminal"));
	cr_expect_null(terminfo_built_in(""));
}
