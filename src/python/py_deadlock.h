/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks that wait for each other: a set of tasks in which each waits for others of the set alone,
 * so that none of them goes on unless something cancels it.
 */
#ifndef LOOPSTALL_PYTHON_PY_DEADLOCK_H
#define LOOPSTALL_PYTHON_PY_DEADLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "python/py_task_reader.h"

/* `i` is the number of a task in r->alive, `other` that of one for which it waits. */
typedef int py_deadlock_fn(void *ctx, size_t i, size_t other);

/*
 * Calls `fn` for each of the first `n` tasks that are alive and are in such a set. What waits for
 * the set from outside is left out. 0 or -errno, that of `fn` too.
 */
int py_deadlock__find(struct py_task_reader *r, size_t n, py_deadlock_fn *fn, void *ctx);
/* Whether this coroutine, or one that it awaits, is inside a timeout, or perhaps is. */
bool py_deadlock__has_timeout(struct py_task_reader *r, uint64_t coro);

#endif
