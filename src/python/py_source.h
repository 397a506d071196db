/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Python objects read from another process: str, bytes. Works on any memory that can be read
 * through a function, so that tests can do without a process.
 */
#ifndef LOOPSTALL_PYTHON_PY_SOURCE_H
#define LOOPSTALL_PYTHON_PY_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/frames.h"

#define PY_OBJECT_MAX_BYTES 512 /* no object whose fields are read here is larger */

static inline const struct ls_pyoffsets *py_source__layout(const struct frame_source *s)
{
	return &s->proc.py.at;
}

int py_source__read(const struct frame_source *s, uint64_t addr, void *buf, size_t size);
/* The same for the fields of an object: -EFAULT if none can be at `addr`. */
int py_source__read_object(const struct frame_source *s, uint64_t addr, void *buf, size_t size);

/*
 * Reads a str of at most `max_chars` characters (a longer one is cut and ends with "...") as UTF-8
 * into a new string. `ret_type`, the address of its type, may be NULL. 0 or -errno.
 */
int py_source__read_str(const struct frame_source *s, uint64_t addr, size_t max_chars,
			char **ret_text, uint64_t *ret_type);

/* Reads a bytes object of at most `max` bytes: 0 or -errno, -E2BIG if it is longer. */
int py_source__read_bytes(const struct frame_source *s, uint64_t addr, size_t max,
			  uint8_t **ret_data, size_t *ret_size);

#endif
