/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was read of the files that processes have mapped: symbols and call frame information, by
 * inode. Bounded in number and in bytes; the least recently used one is removed first.
 */
#ifndef LOOPSTALL_SYMBOL_MODULES_H
#define LOOPSTALL_SYMBOL_MODULES_H

#include <sys/types.h>

#include "symbol/cfi.h"
#include "symbol/elfsym.h"
#include "symbol/execmap.h"

struct modules;

struct module {
	struct elfsym *symbols; /* NULL: the file is no ELF file, or cannot be opened */
	struct cfi *cfi; /* NULL: it has none */
	/* Is the function that runs frames here, and spread over others without a name? */
	enum { SPLIT_UNKNOWN, SPLIT_NO, SPLIT_YES } split;
};

int modules__new(struct modules **ret_modules);
void modules__free(struct modules *m);
static inline void modules__freep(struct modules **m)
{
	modules__free(*m);
}

/* The file behind a range of a process; never NULL. Valid until the next call. */
struct module *modules__get(struct modules *m, pid_t pid, const struct execmap_range *range);

#endif
