/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Function ranges of an ELF file from its .eh_frame section, which strip leaves alone.
 */
#ifndef LOOPSTALL_PROCESS_EH_FRAME_H
#define LOOPSTALL_PROCESS_EH_FRAME_H

#include <libelf.h>
#include <stdint.h>

#include "process/elf_image.h"

struct eh_frame;

/*
 * `ident` is the file's e_ident, `vaddr` the section's address. What cannot be decoded is left out.
 */
int eh_frame__new(struct eh_frame **ret_frame, const unsigned char *ident, Elf_Data *data,
		  uint64_t vaddr);
void eh_frame__free(struct eh_frame *f);
static inline void eh_frame__freep(struct eh_frame **f)
{
	eh_frame__free(*f);
}
/* The range that holds `vaddr`, or -ENOENT. */
int eh_frame__find(const struct eh_frame *f, uint64_t vaddr, struct elf_range *ret_range);

#endif
