/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's own tables of offsets: at the start of _PyRuntime (3.13 and later) and in the
 * asyncio module (3.14 and later). Both come from the target, so a table is used only after all of
 * it was checked.
 */
#ifndef LOOPSTALL_PYTHON_PY_DEBUG_OFFSETS_H
#define LOOPSTALL_PYTHON_PY_DEBUG_OFFSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loopstall/pyoffsets.h>

#define PY_DEBUG_OFFSETS_BYTES (128 * 8) /* more than any version's table takes */

/* What the table begins with, the same in every version. */
struct py_debug_head {
	uint32_t hexversion;
	bool is_free_threaded;
};

/* False if the runtime has no such table. */
bool py_debug_offsets__head(struct py_debug_head *ret_head, const uint8_t *table, size_t size);

/*
 * Replaces the offsets in `py` by those of the table. `minor` is the version of the interpreter,
 * which determines the order of the fields: the table does not describe itself. For a version newer
 * than all known ones each known order is tried, the newest first, until all values are plausible.
 * -EINVAL, and `py` untouched, if the table is too short or no order is plausible.
 */
int py_debug_offsets__apply(struct ls_pyoffsets *py, uint8_t minor, const uint8_t *table,
			    size_t size);

/*
 * The same with the section of the asyncio module. -EINVAL also if its tasks have another layout
 * than in `py`, because some fields of a task are in no table.
 */
int py_asyncio_offsets__apply(struct ls_pyoffsets *py, const uint8_t *section, size_t size);

#define PY_ASYNCIO_SECTION ".AsyncioDebug"
#define PY_ASYNCIO_BYTES (13 * 8)
#define PY_MINOR_ASYNCIO_SECTION 14

#endif
