/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPython's line tables.
 */
#ifndef LOOPSTALL_PYTHON_PY_LINETABLE_H
#define LOOPSTALL_PYTHON_PY_LINETABLE_H

#include <stddef.h>
#include <stdint.h>

#include <loopstall/abi.h>

/*
 * Line for a position in a line table, pure: `table` of `size` bytes in `format`, `addr` the byte
 * offset into the code. Returns the line, or 0 if the table says nothing about it.
 */
uint32_t py_linetable__line(enum ls_linetable format, const uint8_t *table, size_t size,
			    uint32_t first_line, int64_t addr);

#endif
