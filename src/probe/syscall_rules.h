/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which system call means which cause when a thread blocks in it.
 */
#ifndef LOOPSTALL_PROBE_SYSCALL_RULES_H
#define LOOPSTALL_PROBE_SYSCALL_RULES_H

#include <stdint.h>

#include <loopstall/abi.h>

/* Fills the table indexed by system call number with enum ls_cause or enum ls_syscall_rule. */
void syscall_rules__fill(uint8_t rules[LS_SYSCALLS]);

#endif
