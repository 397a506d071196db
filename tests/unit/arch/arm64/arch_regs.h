/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets, for tests of the kernel side, what the functions of bpf/arch/arm64.h read.
 */
#ifndef LOOPSTALL_TESTS_ARM64_REGS_H
#define LOOPSTALL_TESTS_ARM64_REGS_H

#include <stdint.h>

#include "arch/regs.h"

/* At a call, or at the entry of the function, with these arguments. */
static inline struct pt_regs regs_of_call(uint64_t sp, uint64_t arg0, uint64_t arg1, uint64_t arg2,
					  uint64_t arg3)
{
	return (struct pt_regs){ .regs = { arg0, arg1, arg2, arg3 }, .sp = sp };
}

/* x8, too, as user space sets it; it does not count, because it is as it was later on. */
static inline void regs_set_syscall(struct pt_regs *regs, long number)
{
	regs->syscallno = (int)number;
	regs->regs[8] = number < 0 ? 98 : (unsigned long)number;
}

/* x0 holds the result already. */
static inline void regs_set_syscall_args(struct pt_regs *regs, uint64_t arg0, uint64_t arg1,
					 uint64_t arg2)
{
	regs->orig_x0 = arg0;
	regs->regs[0] = 1;
	regs->regs[1] = arg1;
	regs->regs[2] = arg2;
}

static inline void regs_set_syscall_arg3(struct pt_regs *regs, uint64_t arg3)
{
	regs->regs[3] = arg3;
}

static inline void regs_set_place(struct pt_regs *regs, uint64_t pc, uint64_t sp)
{
	regs->pc = pc;
	regs->sp = sp;
}

/* The kernel's copy, by which no thread is found: it may be an old one. */
static inline void set_thread_pointer(struct thread_struct *thread, uint64_t pthread)
{
	thread->uw.tp_value = pthread;
}

#endif
