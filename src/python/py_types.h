/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kind of an object, determined once for each type. There is a kind for each object that
 * src/python reads of tasks and of what they wait for; all others are OTHER.
 */
#ifndef LOOPSTALL_PYTHON_PY_TYPES_H
#define LOOPSTALL_PYTHON_PY_TYPES_H

#include <stdint.h>

#include "python/py_pages.h"
#include "process/target.h"

enum py_kind {
	PY_OTHER,
	PY_STR, /* or a class derived from it */
	PY_INT,
	PY_TUPLE,
	PY_LIST,
	PY_CELL,
	PY_FUNCTION,
	PY_METHOD,
	PY_BUILTIN,
	PY_PARTIAL,
	PY_COROUTINE,
	PY_GENERATOR, /* also asynchronous: the layout is the same */
	PY_AWAIT_WRAPPER, /* its first field is the object that it awaits on behalf of its caller */
	PY_WAKEUP, /* up to 3.9: calls the step of the task in its first field */
	PY_TASK, /* C task or a class derived from it */
	PY_FUTURE, /* C future, or derived, but no task */
	PY_PYTASK, /* asyncio's task written in Python */
	PY_TASK_GROUP,
	PY_AS_COMPLETED, /* 3.13: iterator of asyncio.as_completed() */
	PY_QUEUE,
};

#define PY_TYPE_NAME_BYTES 48

struct py_type {
	uint64_t addr;
	enum py_kind kind;
	char name[PY_TYPE_NAME_BYTES]; /* without its module; valid UTF-8 */
};

#define PY_TYPES_MAX 256

struct py_types {
	const struct target *t;
	struct py_pages *pages;
	size_t next;
	struct py_type types[PY_TYPES_MAX];
};

/* Type of the object, NULL if it cannot be read. The answer is valid until the next call. */
const struct py_type *py_types__of(struct py_types *types, uint64_t object);
/* The same by the address of the type. */
const struct py_type *py_types__at(struct py_types *types, uint64_t type);
enum py_kind py_types__kind(struct py_types *types, uint64_t object);

#endif
