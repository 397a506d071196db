/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Coroutines and asynchronous generators to which no name leads: CPython's collector has them in
 * its lists.
 */
#ifndef LOOPSTALL_PYTHON_PY_TRACKED_H
#define LOOPSTALL_PYTHON_PY_TRACKED_H

#include <stdbool.h>

#include "python/py_types.h"

/* Not 0 ends the walk, and is returned. */
typedef int py_tracked_fn(void *ctx, uint64_t object, bool is_coroutine);

/*
 * Calls `fn` for those among the newest objects, each once; of a generation that is collected right
 * now perhaps for none. With none where the lists are not known: free-threaded builds have none. 0,
 * -ENOMEM, or what `fn` returns.
 */
int py_tracked__each(struct py_types *types, py_tracked_fn *fn, void *ctx);

#endif
