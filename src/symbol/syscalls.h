/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of system calls.
 */
#ifndef LOOPSTALL_SYMBOL_SYSCALLS_H
#define LOOPSTALL_SYMBOL_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>

#include <loopstall/abi.h>

/* NULL for LS_NO_SYSCALL and unknown numbers. */
const char *syscall_name(uint16_t number);

#endif
