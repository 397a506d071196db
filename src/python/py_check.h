/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does a layout fit a running interpreter? For versions that no table of ours was made for.
 */
#ifndef LOOPSTALL_PYTHON_PY_CHECK_H
#define LOOPSTALL_PYTHON_PY_CHECK_H

#include <stdint.h>

#include "process/target.h"

/* Addresses of types that every CPython exports. */
struct py_check_types {
	uint64_t type, boolean, number, code;
};

/*
 * Reads objects with known content at the places that the layout gives. NULL if all are right, else
 * a noun for the first that is wrong: "types". Repeats a check that a running target may have
 * disturbed. Needs t->interp.
 */
const char *py_check__layout(const struct target *t, const struct py_check_types *types);

#endif
