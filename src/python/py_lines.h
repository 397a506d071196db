/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a frame is in its code.
 */
#ifndef LOOPSTALL_PYTHON_PY_LINES_H
#define LOOPSTALL_PYTHON_PY_LINES_H

#include <stdint.h>

#include "runtime/frames.h"

/* How far into its code a frame is, in bytes. Negative: it has not begun. */
int64_t py_code_offset(const struct frame_source *s, const struct ls_frame *frame);

#endif
