/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exit codes, a contract with scripts. One list: the enum, the table in `loopstall --help`.
 *
 * EXIT_CODES(_) : _(NAME, code, "sentence")
 */
#ifndef LOOPSTALL_APP_EXIT_H
#define LOOPSTALL_APP_EXIT_H

#define EXIT_CODES(_)                                                                              \
	_(FINE, 0, "fine")                                                                         \
	_(LIMIT, 1, "a limit is exceeded or a regression found")                                   \
	_(USAGE, 2, "wrong usage")                                                                 \
	_(CANNOT_ATTACH, 3,                                                                        \
	  "cannot attach: privilege, kernel, no such process, no event loop found in it")          \
	_(INCONCLUSIVE, 4, "inconclusive: nothing was measured")                                   \
	_(COMMAND_FAILED, 5, "the started command itself failed")

enum exit_code {
#define _(name, code, sentence) EXIT_##name = code,
	EXIT_CODES(_)
#undef _
};

#endif
