/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which test runs: pytest sets a variable in the environment of the process.
 */
#ifndef LOOPSTALL_BPF_RUNNING_TEST_H
#define LOOPSTALL_BPF_RUNNING_TEST_H

#include "core/port.h"
#include "core/state.h"

/* Sets stacks->request.test, "": none, or not known. */
LS_SUBPROG int test_read(struct thread_state *ts, struct thread_stacks *stacks);

#endif
