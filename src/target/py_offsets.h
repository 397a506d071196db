/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layout tables of CPython 3.8-3.13, and the reader for the table that 3.13 and later carry in the
 * process.
 */
#ifndef LOOPSTALL_TARGET_PY_OFFSETS_H
#define LOOPSTALL_TARGET_PY_OFFSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loopstall/pyoffsets.h>

#define PY_MINOR_MIN 8
#define PY_MINOR_MAX 13

/* Layout of 3.<minor>, or -ENOTSUP. */
int py_offsets__init(struct ls_pyoffsets *py, uint8_t minor);

#define PY_DEBUG_OFFSETS_BYTES (46 * 8)

/* Whether the runtime begins with a debug offsets table, and what its head says. */
bool py_debug_offsets_head(const uint8_t *table, size_t size, uint32_t *ret_hexversion,
			   bool *ret_free_threaded);
/*
 * Takes over what the table says, in place of what `py` says. -EINVAL, and `py` untouched, if it is
 * cut short or says something that cannot be.
 */
int py_offsets__apply_debug(struct ls_pyoffsets *py, const uint8_t *table, size_t size);

#endif
