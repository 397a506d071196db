/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A verdict on its way out: stdout, and the files that the options of `loopstall check` name.
 */
#ifndef LOOPSTALL_APP_CHECK_OUTPUT_H
#define LOOPSTALL_APP_CHECK_OUTPUT_H

#include "app/cli.h"
#include "check/verdict.h"

/*
 * Writes all requested outputs. A failure is printed and does not stop the others. 0 or -errno of
 * the first file that could not be written. *ret_is_shown is false if stdout could not be written
 * to.
 */
int check_output__write(const struct config *config, const struct verdict *v, bool *ret_is_shown);

#endif
