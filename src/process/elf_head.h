/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the first bytes of an ELF file say, before it is opened as one.
 */
#ifndef LOOPSTALL_PROCESS_ELF_HEAD_H
#define LOOPSTALL_PROCESS_ELF_HEAD_H

#include <stdint.h>

/* Reads the class of an ELF file: 32 or 64 and its machine; -ENOEXEC if it is none. */
int elf_class_of(int fd, int *ret_bits, uint16_t *ret_machine);

/*
 * Whether libelf, which keeps something for each section and segment, may open it. -EFBIG: more
 * than 65 535 of them; -ENOEXEC: too short.
 */
int elf_check_headers(int fd);

#endif
