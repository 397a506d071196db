/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of the source files that code objects name, read while the process runs. A file that is
 * newer than its process may not be what runs, and one that the process may not read is none of its
 * sources: neither has lines.
 *
 * Bounded: lines, places and the bytes that are read for them in all.
 */
#ifndef LOOPSTALL_SYMBOL_SOURCE_LINES_H
#define LOOPSTALL_SYMBOL_SOURCE_LINES_H

#include <stdint.h>

#include "base/strings.h"

#define SOURCE_LINES_MAX_PLACES 4096
#define SOURCE_LINES_MAX_COLUMNS 200 /* bytes of a line */

struct source_lines;

/* Texts go into `pool`. 0 or -ENOMEM. */
int source_lines__new(struct source_lines **ret_lines, struct strings *pool);
void source_lines__free(struct source_lines *s);
/* Removes what is known about a process. */
void source_lines__forget(struct source_lines *s, uint32_t pid);

/*
 * The line and those around it, see struct resolver_ops. `file` is an absolute path as the process
 * names it, a text of the pool. NULL if they cannot be known.
 */
const char *source_lines__get(struct source_lines *s, uint32_t pid, const char *file,
			      uint32_t line);

#endif
