/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of the text report that stand for numbers of the contract: units, causes, and what a
 * blocking call is called by someone who writes Python.
 */
#ifndef LOOPSTALL_REPORT_WORDING_H
#define LOOPSTALL_REPORT_WORDING_H

#include "model/model.h"
#include "model/vocabulary.h"

/* "time.sleep", "socket recv", the name of the system call; NULL if there is nothing to say. */
const char *wording_call(const struct stall *stall);

/*
 * The innermost frame of the stack that is no library's, when the call itself is in one: the line its author can
 * change. NULL if the call is in no library, or everything is.
 */
const struct model_frame *wording_own_frame(const struct stall *stall);

#endif
