/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks that wait for what nothing can end any more: a future to which nothing else refers, or an
 * Event, a Condition, a Semaphore or a Queue of asyncio to which only tasks refer that wait for it.
 */
#ifndef LOOPSTALL_PYTHON_PY_FORGOTTEN_H
#define LOOPSTALL_PYTHON_PY_FORGOTTEN_H

#include <stddef.h>
#include <stdint.h>

#include "python/py_task_reader.h"

/* `i` is the number of a task in r->alive, `owner` what it waits for; 0: the future itself. */
typedef int py_forgotten_fn(void *ctx, size_t i, uint64_t owner);

/* Calls `fn` for each of the first `n` tasks that are alive and wait so. 0 or -errno, also of `fn`.
 */
int py_forgotten__find(struct py_task_reader *r, size_t n, py_forgotten_fn *fn, void *ctx);

#endif
