/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which function of an ELF file lies at an offset of it.
 */
#ifndef LOOPSTALL_SYMBOL_ELFSYM_H
#define LOOPSTALL_SYMBOL_ELFSYM_H

#include <stddef.h>
#include <stdint.h>

/*
 * Writes the name of the function that holds `file_offset`, the most public one where several names
 * fit. 0, -ENOENT if no symbol covers it, -ENOEXEC if it is not an ELF file that can be read.
 */
int elfsym__find(int fd, uint64_t file_offset, char *name, size_t size);

/* True if `a` is the name a user would rather see than `b`, both at one address. */
int elfsym__is_nicer(const char *a, int is_a_local, const char *b, int is_b_local);

#endif
