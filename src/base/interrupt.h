/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the program was asked to end. While a session runs SIGINT and SIGTERM are blocked and
 * read by its event loop; what keeps that loop from running asks here.
 */
#ifndef LOOPSTALL_BASE_INTERRUPT_H
#define LOOPSTALL_BASE_INTERRUPT_H

#include <stdbool.h>

/* SIGINT or SIGTERM waits to be read. */
bool interrupt_is_pending(void);

/* One was read: the program ends. */
void interrupt_note(void);
/* One waits, or was read. */
bool interrupt_is_due(void);

#endif
