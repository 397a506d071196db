/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of all tasks of a process (runtime/lifecycle.h).
 */
#ifndef LOOPSTALL_PYTHON_PY_LIFECYCLE_H
#define LOOPSTALL_PYTHON_PY_LIFECYCLE_H

#include "python/py_task_reader.h"
#include "runtime/lifecycle.h"

/*
 * Fills in `life` from the tasks that `r` has read: of those alive the first `n`. 0 or -errno.
 */
int py_lifecycle__look(struct py_task_reader *r, size_t n, struct lifecycle *life);

#endif
