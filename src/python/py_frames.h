/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Python frames of a live process, and the local variables in them. They come and go while they are
 * read.
 */
#ifndef LOOPSTALL_PYTHON_PY_FRAMES_H
#define LOOPSTALL_PYTHON_PY_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "process/target.h"
#include "python/py_pages.h"

/* The innermost frame of the thread with this state, 0 if it runs no Python. 0 or -errno. */
int py_frame_top(const struct target *t, uint64_t tstate, uint64_t *ret_frame);

/*
 * Decodes a frame from its first py->frame_bytes. f_lasti is an int; the kernel side sends the
 * word, and readers use its lower half.
 */
static inline uint64_t py_frame_position(const struct ls_pyoffsets *py, const uint8_t *frame)
{
	return py->position_is_lasti ? py_half(frame, py->frame_position) :
				       py_word(frame, py->frame_position);
}

static inline uint64_t py_frame_code(const struct ls_pyoffsets *py, const uint8_t *frame)
{
	return py_word(frame, py->frame_code) & ~(uint64_t)py->tag_mask;
}

#define PY_FRAME_OWNED_BY_GENERATOR 1 /* pycore_frame.h, from 3.11 on */

/* The coroutine or generator that owns the frame at `addr`, 0 for a function's. */
static inline uint64_t py_frame_generator(const struct ls_pyoffsets *py, const uint8_t *frame,
					  uint64_t addr)
{
	if (py->frame_owner == LS_PY_NONE)
		return py_word(frame, py->frame_generator);
	return frame[py->frame_owner] == PY_FRAME_OWNED_BY_GENERATOR ? addr - py->gen_iframe : 0;
}

/* Whether it is an entry frame of the interpreter, which runs no code. */
static inline bool py_frame_is_shim(const struct ls_pyoffsets *py, const uint8_t *frame)
{
	return py->frame_owner != LS_PY_NONE && frame[py->frame_owner] >= py->frame_owner_skip_min;
}

/*
 * The outermost frame of `code` among the first few hundred of a thread; -ENOENT if there is none.
 */
int py_frame_find(const struct target *t, uint64_t tstate, uint64_t code, uint64_t *ret_frame);

/* Code object of a function written in Python. */
/* Where a function has its code object. */
uint16_t py_function_code_offset(const struct ls_pyoffsets *py);
int py_function_code(const struct target *t, uint64_t function, uint64_t *ret_code);

/* Where in a frame of `code` its local variable `name` is. -ENOENT if it has none. */
int py_code_local(const struct target *t, uint64_t code, const char *name, uint16_t *ret_offset);

/* Reads such a local variable; 0 if nothing is assigned to it. */
int py_frame_local(const struct target *t, uint64_t frame, uint16_t offset, uint64_t *ret_value);

#endif
