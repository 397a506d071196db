/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Single questions about a task that look at its coroutine, its exception and its future in turn:
 * what raised an exception, whether anything is left that could end a wait, where a coroutine was
 * made.
 */
#ifndef LOOPSTALL_PYTHON_PY_LOST_H
#define LOOPSTALL_PYTHON_PY_LOST_H

#include <stdbool.h>
#include <stdint.h>

#include "python/py_task_reader.h"
#include "runtime/lifecycle.h"

/* The type of an exception, the coroutine that ended with it, and the frames it went through. */
void py_lost__exception(struct py_types *types, uint64_t exception, struct life_group *group);

/* Where a coroutine was made: known if the program keeps that (asyncio's debug mode). */
void py_lost__origin(struct py_types *types, uint64_t coro, struct life_origin *origin);

#endif
