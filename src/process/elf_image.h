/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One ELF file as it would look in memory at base 0: loadable segments with the simple relocations
 * applied, symbols, imports and the function ranges of .eh_frame. The file belongs to the target
 * and may be damaged or hostile: it is read, never mapped (a truncated mapping would kill us), and
 * every access is bounded.
 */
#ifndef LOOPSTALL_PROCESS_ELF_IMAGE_H
#define LOOPSTALL_PROCESS_ELF_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "arch/arch.h"

struct elf_segment {
	uint64_t vaddr, file_offset, file_bytes, mem_bytes;
	bool is_code, is_writable;
};

struct elf_symbol {
	uint64_t vaddr, size;
	bool is_function;
};

struct elf_range {
	uint64_t start, end;
};

struct elf_image;

/*
 * Takes over `fd`, also on failure. -ENOEXEC: not an ELF file for this architecture; -EINVAL:
 * damaged; -EFBIG: larger than any sensible program. What is read of it is bounded together: where
 * that is used up, look-ups find nothing and a read ends (base/work.h).
 */
int elf_image__open(struct elf_image **ret_image, int fd);
void elf_image__free(struct elf_image *img);
static inline void elf_image__freep(struct elf_image **img)
{
	elf_image__free(*img);
}

bool elf_image__is_relocatable(const struct elf_image *img); /* ET_DYN */
size_t elf_image__segments(const struct elf_image *img, const struct elf_segment **ret_segments);

/*
 * Bytes at `vaddr` to the end of what the file holds of that segment, relocations applied. NULL if
 * there are fewer than `min_bytes` or they cannot be read.
 */
const uint8_t *elf_image__bytes(struct elf_image *img, uint64_t vaddr, size_t min_bytes,
				size_t *ret_bytes);
bool elf_image__read_u64(struct elf_image *img, uint64_t vaddr, uint64_t *ret_value);
bool elf_image__is_code(const struct elf_image *img, uint64_t vaddr);
int elf_image__file_offset(const struct elf_image *img, uint64_t vaddr, uint64_t *ret_offset);

bool elf_image__has_symtab(struct elf_image *img);
int elf_image__exported(struct elf_image *img, const char *name, struct elf_symbol *ret_symbol);

/* How code reaches a thread-local variable: by what the loader writes into a slot. */
enum elf_tls_access {
	ELF_TLS_DIRECT, /* no slot: a program's own variable, at a fixed offset */
	ELF_TLS_OFFSET, /* its offset from the thread pointer */
	ELF_TLS_MODULE, /* the number of its module, and its offset in the module's block */
	ELF_TLS_DESCRIPTOR, /* a function and its argument */
};

struct elf_tls {
	enum elf_tls_access access;
	uint64_t slot; /* address in the image */
	uint64_t offset; /* in the module's block */
	uint64_t block_bytes, block_align;
};

/* An exported thread-local variable. -ENOENT if there is none of that name. */
int elf_image__thread_local(struct elf_image *img, const char *name, struct elf_tls *ret_tls);
/*
 * Functions of .symtab called `name` or a clone of it ("name.isra.0"), without split-off parts
 * (".cold", ".part"). Returns their number, at most `max`.
 */
size_t elf_image__functions_named(struct elf_image *img, const char *name,
				  struct elf_symbol *symbols, size_t max);
/* Address of a section, and its size. -ENOENT if there is none. */
int elf_image__section(struct elf_image *img, const char *name, uint64_t *ret_vaddr,
		       uint64_t *ret_bytes);

/* Adds the ways in which the image calls imported function `name` to `callee`. */
void elf_image__add_import(struct elf_image *img, const char *name, struct arch_callee *callee);

/* Range of the function (or split-off part) that `vaddr` lies in, from .eh_frame. */
int elf_image__function_range(struct elf_image *img, uint64_t vaddr, struct elf_range *ret_range);

#endif
