/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who waits for this task? Told from what each task waits for, and from the callbacks that asyncio hangs on
 * tasks and futures.
 */
#ifndef LOOPSTALL_TARGET_PY_WAITERS_H
#define LOOPSTALL_TARGET_PY_WAITERS_H

#include <stdint.h>

#include "target/addr_map.h"
#include "target/py_types.h"

struct py_waiters {
	struct py_types *types;
	struct addr_map tasks; /* that are alive */
	struct addr_map futures; /* what is waited for, to the task that waits */
	struct addr_map seen; /* futures, callbacks and their owners, to the task found behind them; 0: none */
};

void py_waiters__done(struct py_waiters *w);
/* Expects `n` tasks. 0 or -ENOMEM. */
int py_waiters__reserve(struct py_waiters *w, size_t n);
/* Tells a task and what it waits for. Before the first question. 0 or -ENOMEM. */
int py_waiters__add(struct py_waiters *w, uint64_t task, uint64_t fut_waiter);
/* The task that waits for `task`, 0 if none was found. Only tasks that were added. Two may name each other. */
uint64_t py_waiters__of(struct py_waiters *w, uint64_t task);

#endif
