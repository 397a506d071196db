/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbols that a distribution packs into its stripped files: the section .gnu_debugdata, an ELF
 * file with a symbol table in xz format (Fedora and its relatives; "MiniDebugInfo").
 */
#ifndef LOOPSTALL_SYMBOL_MINIDEBUG_H
#define LOOPSTALL_SYMBOL_MINIDEBUG_H

#include <libelf.h>

/*
 * Unpacks that of `elf`, open on `fd`, into a file in memory, whose descriptor is the caller's. 0
 * or -errno: -ENOENT if there is none, -EBADMSG if it is damaged, -EFBIG if it is larger than
 * symbols are.
 */
int minidebug__open(Elf *elf, int fd, int *ret_fd);

#endif
