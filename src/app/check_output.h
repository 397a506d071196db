/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A verdict on its way out: stdout, and the files that the options of `loopstall check` name.
 */
#ifndef LOOPSTALL_APP_CHECK_OUTPUT_H
#define LOOPSTALL_APP_CHECK_OUTPUT_H

#include "app/cli.h"
#include "check/verdict.h"

/*
 * Writes all that was asked for; one that fails is told, and does not keep the others back. 0 or -errno of the first file
 * that could not be written. What goes wrong with stdout is say_finish()'s matter.
 */
int check_output__write(const struct config *config, const struct verdict *v);

#endif
