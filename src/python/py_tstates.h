/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread states of the target's interpreter, the newest first: one walk for all who need it.
 * The list is the target's. It may change while it is read, or have no end: then the allowance of
 * the look ends the walk (base/work.h). Sources: cpython Include/internal/pycore_interp.h and
 * Include/cpython/pystate.h.
 *
 *     struct py_tstates walk = { .t = t };
 *
 *     while ((tstate = py_tstates__next(&walk)))
 *             ...
 *     return walk.error;
 */
#ifndef LOOPSTALL_PYTHON_PY_TSTATES_H
#define LOOPSTALL_PYTHON_PY_TSTATES_H

#include <stdint.h>

#include "process/target.h"

struct py_tstates {
	const struct target *t;
	uint64_t tstate; /* the current one */
	uint32_t n; /* how many there were */
	int error; /* why the walk ended early, -errno; -ELOOP: the list has no end */
};

/* The address of the next thread state, read only now; 0 at the end. */
uint64_t py_tstates__next(struct py_tstates *walk);

#endif
