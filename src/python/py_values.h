/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a suspended coroutine holds: its local variables, the values on its stack, and among these
 * the context managers inside whose `with` it is.
 */
#ifndef LOOPSTALL_PYTHON_PY_VALUES_H
#define LOOPSTALL_PYTHON_PY_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "python/addr_map.h"
#include "python/py_awaits.h"

/* From 3.14 on the exit of a manager on the stack is no bound method, but a function and its self.
 */
#define PY_MINOR_WITH_PAIRS 14

/* Only `types` set at first. What is learned of code and functions is kept: many tasks share it. */
struct py_values {
	struct py_types *types;
	struct addr_map offsets; /* of variables, by code and variable */
	struct addr_map exits; /* functions: 2 if it is the exit of a context manager, else 1 */
};

void py_values__done(struct py_values *v);

/* Calls `fn` with each context manager, the outermost first. */
typedef void py_manager_fn(void *ctx, uint64_t manager);
void py_values__managers(struct py_values *v, const struct py_await_link *link, py_manager_fn *fn,
			 void *ctx);

/* Whether it is a function of Python with this name. */
bool py_values__is_function(struct py_types *types, uint64_t object, const char *name);

#define PY_VALUES_MAX 256
/*
 * Its variables and the values on its stack, with their tag bits: their number, 0 if they cannot be
 * read.
 */
size_t py_values__read(struct py_types *types, const struct py_await_link *link,
		       uint64_t ret_values[PY_VALUES_MAX]);

/* How many counted references to `object` its variables and its stack are. */
size_t py_values__references(struct py_types *types, const struct py_await_link *link,
			     uint64_t object);

/* What tells its variables and its stack from others: of one that has not begun, its arguments. */
uint64_t py_values__hash(struct py_types *types, const struct py_await_link *link);

/* Variables of asyncio's own functions. */
enum py_variable { PY_SELF, PY_TIMEOUT, PY_FS, PY_VARIABLE_MAX };

/* 0 if there is none. */
uint64_t py_values__local(struct py_values *v, const struct py_await_link *link,
			  enum py_variable variable);

#endif
