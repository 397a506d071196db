/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exit codes, a contract with scripts. One list: the enum, the table in `loopstall --help`.
 *
 * EXIT_CODES(_) : _(NAME, code, "sentence")
 */
#ifndef LOOPSTALL_BASE_EXIT_H
#define LOOPSTALL_BASE_EXIT_H

#define EXIT_CODES(_)                                                                              \
	_(FINE, 0, "fine")                                                                         \
	_(LIMIT, 1, "check: a limit is exceeded, or a regression was found")                       \
	_(USAGE, 2, "wrong usage, or a file that cannot be read or created")                       \
	_(CANNOT_ATTACH, 3,                                                                        \
	  "cannot attach: privilege, kernel, no such process, no event loop found in it")          \
	_(INCONCLUSIVE, 4,                                                                         \
	  "inconclusive: nothing or too little was measured, or a result could not be written")    \
	_(COMMAND_FAILED, 5, "the started command itself failed")

enum exit_code {
#define _(name, code, sentence) EXIT_##name = code,
	EXIT_CODES(_)
#undef _
};

#endif
