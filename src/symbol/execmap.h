/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a process has code mapped: the executable ranges of /proc/PID/maps.
 */
#ifndef LOOPSTALL_SYMBOL_EXECMAP_H
#define LOOPSTALL_SYMBOL_EXECMAP_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct execmap_range {
	uint64_t start, end, offset;
	uint32_t dev_major, dev_minor;
	uint64_t inode; /* 0: no file */
	char *path; /* as the kernel writes it; "" for anonymous memory */
};

struct execmap {
	size_t n;
	struct execmap_range *ranges; /* ascending */
};

/* Parses a maps file: 0 or -ENOMEM. Lines it does not understand are left out. */
int execmap__read(struct execmap *map, FILE *file);
void execmap__done(struct execmap *map);
/* The range that holds `addr`, or NULL. */
const struct execmap_range *execmap__find(const struct execmap *map, uint64_t addr);

#endif
