/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lets the user choose on the terminal which of the machine's event loops are measured.
 */
#ifndef LOOPSTALL_APP_CHOOSE_H
#define LOOPSTALL_APP_CHOOSE_H

#include "app/cli.h"
#include "base/err.h"

/*
 * Sets the pids of `config`. 1; 0 if the user ended it; or -errno with err filled.
 */
int choose_targets(struct config *config, struct err *err);

#endif
