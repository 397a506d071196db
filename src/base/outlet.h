/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes to a pipe or terminal whose reader may have stopped reading.
 */
#ifndef LOOPSTALL_BASE_OUTLET_H
#define LOOPSTALL_BASE_OUTLET_H

#include <stddef.h>

/*
 * Writes all of it. Waits for the reader, but no longer than for a moment once the program is to
 * end (base/interrupt.h): then it is -EINTR, and what was left is lost. 0 or -errno.
 */
int outlet_write(int fd, const char *text, size_t size);

#endif
