/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What differs between architectures: registers, system call arguments, what a thread is known by,
 * store order. Each has a file with the functions of x86.h; this one chooses it.
 */
#ifndef LOOPSTALL_BPF_REGS_H
#define LOOPSTALL_BPF_REGS_H

#if !defined(__TARGET_ARCH_x86) && !defined(__x86_64__) && !defined(__TARGET_ARCH_arm64) &&        \
	!defined(__aarch64__)
#error "loopstall does not support this architecture: add src/arch/ARCH.c and bpf/arch/ARCH.h"
#endif

#include "core/port.h"

/* The ids of a thread: one in each namespace, the outermost first. */
struct upid {
	int nr;
} LS_KERNEL_TYPE;

struct pid {
	unsigned int level; /* of the namespace that the thread lives in */
	struct upid numbers[2];
} LS_KERNEL_TYPE;

#if defined(__TARGET_ARCH_x86) || defined(__x86_64__)
#include "arch/x86.h"
#else
#include "arch/arm64.h"
#endif

#endif
