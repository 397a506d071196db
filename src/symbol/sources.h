/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The source files that code objects name: does the process have such a file, and how long is it?
 * Each is looked at once.
 */
#ifndef LOOPSTALL_SYMBOL_SOURCES_H
#define LOOPSTALL_SYMBOL_SOURCES_H

#include <stdint.h>
#include <sys/types.h>

struct sources;

int sources__new(struct sources **ret_sources);
void sources__free(struct sources *s);
/* Removes what is known about a process. */
void sources__forget(struct sources *s, uint32_t pid);

/*
 * Remembers and returns the number of lines of `file`, an absolute path as the process names it
 * that lives as long as `s`: CODE_NO_FILE if it is missing, 0 if that cannot be known.
 */
uint32_t sources__lines(struct sources *s, uint32_t pid, const char *file);

#endif
