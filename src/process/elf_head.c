/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See elf_head.h.
 */
#include "process/elf_head.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

int elf_class_of(int fd, int *ret_bits, uint16_t *ret_machine)
{
	unsigned char head[20];

	if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    memcmp(head, ELFMAG, SELFMAG))
		return -ENOEXEC;
	*ret_bits = head[EI_CLASS] == ELFCLASS32 ? 32 : 64;
	*ret_machine = (uint16_t)(head[18] | head[19] << 8);
	return 0;
}

int elf_check_headers(int fd)
{
	Elf64_Ehdr eh;
	Elf64_Shdr first;

	if (pread(fd, &eh, sizeof(eh), 0) != (ssize_t)sizeof(eh))
		return -ENOEXEC;
	/* Numbers that do not fit are in the first section header (elf(5)). */
	if ((eh.e_shnum && eh.e_phnum != PN_XNUM) || !eh.e_shoff)
		return 0;
	if (pread(fd, &first, sizeof(first), (off_t)eh.e_shoff) != (ssize_t)sizeof(first))
		return -ENOEXEC;
	return first.sh_size > UINT16_MAX || eh.e_phnum == PN_XNUM ? -EFBIG : 0;
}
