/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text of unknown origin made safe for one line of a terminal.
 */
#ifndef LOOPSTALL_BASE_ESCAPE_H
#define LOOPSTALL_BASE_ESCAPE_H

#include <stddef.h>

/*
 * Copies `in` to `out` of `size` bytes with the NUL, with everything that could move the cursor,
 * change the terminal or reorder the line written out: \n \r \t \\, \x1b for other control
 * characters and for bytes that are not UTF-8, \u202e for C1 controls, line separators and bidi
 * controls. A character or escape that does not fit is left out with all that follows. Returns the
 * length of the whole result, as snprintf() does: at least `size` if it was cut.
 */
size_t text__escape(const char *in, char *out, size_t size);

#endif
