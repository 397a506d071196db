/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens an ELF file of a target with libelf and reads sections by name. libelf reads with pread():
 * if the file's owner truncates it meanwhile, that is an error and not a signal.
 */
#ifndef LOOPSTALL_SYMBOL_ELF_SECTION_H
#define LOOPSTALL_SYMBOL_ELF_SECTION_H

#include <libelf.h>
#include <stddef.h>
#include <stdint.h>

/* -ENOEXEC: not a 64-bit ELF file, or one with too many headers. `fd` stays the caller's. */
int elf_open(Elf **ret_elf, int fd);
static inline void elf_endp(Elf **elf)
{
	elf_end(*elf);
}

/*
 * The bytes of a section of `elf`, which is open on `fd`, to be freed, and its address. -ENOENT:
 * there is none of that size.
 */
int elf_section_read(Elf *elf, int fd, const char *name, size_t max_bytes, uint8_t **ret_bytes,
		     size_t *ret_size, uint64_t *ret_vaddr);

/* "1f/0a3c...": the build id as debug files are named by it. -ENOENT if there is none. */
#define BUILD_ID_TEXT_BYTES 160
int elf_build_id(Elf *elf, char text[BUILD_ID_TEXT_BYTES]);

#endif
