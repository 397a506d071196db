/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Coroutines that were dropped and never awaited: Python warns once for each line, and keeps a note
 * of that in the module.
 */
#ifndef LOOPSTALL_PYTHON_PY_WARNED_H
#define LOOPSTALL_PYTHON_PY_WARNED_H

#include "python/py_types.h"
#include "runtime/lifecycle.h"

/* `note` is the address of the note, `place` where that was. Not 0 ends the walk. */
typedef int py_warned_fn(void *ctx, uint64_t note, const char *coroutine,
			 const struct life_origin *place);

/* 0, or what `fn` returns. */
int py_warned__each(struct py_types *types, py_warned_fn *fn, void *ctx);

#endif
