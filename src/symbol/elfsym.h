/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions of an ELF file by address: a sorted index over .dynsym and .symtab, over those packed
 * into .gnu_debugdata, and over those of its debug file if there is one.
 */
#ifndef LOOPSTALL_SYMBOL_ELFSYM_H
#define LOOPSTALL_SYMBOL_ELFSYM_H

#include <stddef.h>
#include <stdint.h>

#include "symbol/elf_section.h"

struct elfsym;

/* -ENOEXEC: it is not an ELF file that can be read. The descriptor stays the caller's. */
int elfsym__new(struct elfsym **ret_symbols, int fd);
void elfsym__free(struct elfsym *s);
static inline void elfsym__freep(struct elfsym **s)
{
	elfsym__free(*s);
}

/* Under which name distributions install its debug file, see elf_build_id(); "": not known. */
const char *elfsym__build_id(const struct elfsym *s);
/* Adds the functions of its debug file. -ENOENT: that is another file's. */
int elfsym__add_debug_file(struct elfsym *s, int fd);
/* What it takes in memory. */
size_t elfsym__bytes(const struct elfsym *s);

/* The address at which the file means an offset of it to be. -ENOENT: none. */
int elfsym__vaddr(const struct elfsym *s, uint64_t file_offset, uint64_t *ret_vaddr);
/*
 * Writes the name of the function that holds the address, the most public one where several names
 * fit, without a version. -ENOENT if no symbol covers it.
 */
int elfsym__name(struct elfsym *s, uint64_t vaddr, char *name, size_t size);

/* Size of the function of this name, of its largest part; 0 if there is none. A linear search. */
uint64_t elfsym__function_bytes(const struct elfsym *s, const char *name);

/* True if `a` is the name a user would rather see than `b`, both at one address. */
int elfsym__is_nicer(const char *a, int is_a_local, const char *b, int is_b_local);

#endif
