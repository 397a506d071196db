/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What differs between architectures: registers, system call arguments, the thread pointer, store
 * order. Each has a file with the functions of x86.h; this one chooses it.
 */
#ifndef LOOPSTALL_BPF_REGS_H
#define LOOPSTALL_BPF_REGS_H

#if defined(__TARGET_ARCH_x86) || defined(__x86_64__)
#include "arch/x86.h"
#else
#error "loopstall does not support this architecture: add src/arch/ARCH.c and bpf/arch/ARCH.h"
#endif

#endif
