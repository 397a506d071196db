/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layout tables of CPython 3.8-3.15. What an interpreter says of itself (py_debug_offsets.h) is
 * better.
 */
#ifndef LOOPSTALL_PYTHON_PY_OFFSETS_H
#define LOOPSTALL_PYTHON_PY_OFFSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loopstall/pyoffsets.h>

#define PY_MINOR_MIN 8
#define PY_MINOR_MAX 15
#define PY_MINOR_FREE_THREADED 13 /* the first that can be built without the GIL */

/* Layout of 3.<minor>, or -ENOTSUP. */
int py_offsets__init(struct ls_pyoffsets *py, uint8_t minor, bool is_free_threaded);

#endif
