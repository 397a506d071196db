/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the task that waits for a task: from what each task waits for, and from the callbacks that
 * asyncio adds to tasks and futures.
 */
#ifndef LOOPSTALL_PYTHON_PY_WAITERS_H
#define LOOPSTALL_PYTHON_PY_WAITERS_H

#include <stdint.h>

#include "python/addr_map.h"
#include "python/py_types.h"

/* What a future, or a task, calls when it is done: objects, 0 if there is none. */
struct py_callbacks {
	uint64_t first, list;
};

struct py_waiters {
	struct py_types *types;
	struct addr_map tasks; /* that are alive */
	struct addr_map futures; /* what is waited for, to the task that waits */
	/* futures, callbacks and their owners, to the task found behind them; 0: none */
	struct addr_map seen;
};

void py_waiters__done(struct py_waiters *w);
/* Expects `n` tasks. 0 or -ENOMEM. */
int py_waiters__reserve(struct py_waiters *w, size_t n);
/* Adds a task and the object that it waits for; before the first look-up. 0 or -ENOMEM. */
int py_waiters__add(struct py_waiters *w, uint64_t task, uint64_t fut_waiter);
/*
 * The task that waits for `task`, which has these callbacks; 0 if none was found. Only tasks that
 * were added. Two may name each other.
 */
uint64_t py_waiters__of(struct py_waiters *w, uint64_t task, const struct py_callbacks *callbacks);

/* Those of a future or task of which the beginning was read. */
struct py_callbacks py_callbacks_of(const struct ls_pyoffsets *py, const uint8_t *future);

#endif
