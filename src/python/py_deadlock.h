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
/*
 * Which tasks are inside a timeout, or perhaps are: one of their own, or of trio's tasks around
 * them. Keeps what it learns of a process for the time of one look.
 */
struct py_timeouts;

int py_timeouts__new(struct py_timeouts **ret, struct py_task_reader *r);
void py_timeouts__free(struct py_timeouts *timeouts);
bool py_timeouts__has(struct py_timeouts *timeouts, const struct py_raw_task *raw);

#endif
