/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Python frames of a live process, and the local variables in them. They come and go while they are read.
 */
#ifndef LOOPSTALL_TARGET_PY_FRAMES_H
#define LOOPSTALL_TARGET_PY_FRAMES_H

#include <stdint.h>

#include "target/target.h"

/* The innermost frame of the thread with this state, 0 if it runs no Python. 0 or -errno. */
int py_frame_top(const struct target *t, uint64_t tstate, uint64_t *ret_frame);

/* The outermost frame of `code` among the first few hundred of a thread; -ENOENT if there is none. */
int py_frame_find(const struct target *t, uint64_t tstate, uint64_t code, uint64_t *ret_frame);

/* Code object of a function written in Python. */
int py_function_code(const struct target *t, uint64_t function, uint64_t *ret_code);

/* Where in a frame of `code` its local variable `name` is. -ENOENT if it has none. */
int py_code_local(const struct target *t, uint64_t code, const char *name, uint16_t *ret_offset);

/* Reads such a local variable; 0 if nothing is assigned to it. */
int py_frame_local(const struct target *t, uint64_t frame, uint16_t offset, uint64_t *ret_value);

#endif
