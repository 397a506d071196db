/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an interpreter says of its own layout: the table that _PyRuntime begins with (3.13 and later), and that of
 * its asyncio module (3.14 and later). Both come from the target: all of it is checked before any of it is used.
 */
#ifndef LOOPSTALL_TARGET_PY_DEBUG_OFFSETS_H
#define LOOPSTALL_TARGET_PY_DEBUG_OFFSETS_H

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
 * Takes over what the table says, in place of what `py` says. `minor` is the version of the interpreter: the table has grown with each,
 * and says nowhere what stands where. That of a version newer than all known ones is read in each order known, the newest
 * first, until all of it makes sense. -EINVAL, and `py` untouched, if it is cut short or says what cannot be.
 */
int py_debug_offsets__apply(struct ls_pyoffsets *py, uint8_t minor, const uint8_t *table, size_t size);

/*
 * The same with the asyncio module's section. -EINVAL also if its tasks are not those that `py` has: some fields of a
 * task stand in no table.
 */
int py_asyncio_offsets__apply(struct ls_pyoffsets *py, const uint8_t *section, size_t size);

#define PY_ASYNCIO_SECTION ".AsyncioDebug"
#define PY_MINOR_ASYNCIO_SECTION 14

#endif
