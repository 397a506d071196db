/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets, for tests of the kernel side, what the functions of bpf/arch/x86.h read.
 */
#ifndef LOOPSTALL_TESTS_X86_REGS_H
#define LOOPSTALL_TESTS_X86_REGS_H

#include <stdint.h>

#include "arch/regs.h"

/* At a call, or at the entry of the function, with these arguments. */
static inline struct pt_regs regs_of_call(uint64_t sp, uint64_t arg0, uint64_t arg1, uint64_t arg2,
					  uint64_t arg3)
{
	return (struct pt_regs){ .sp = sp, .di = arg0, .si = arg1, .dx = arg2, .cx = arg3 };
}

static inline void regs_set_syscall(struct pt_regs *regs, long number)
{
	regs->orig_ax = (unsigned long)number;
}

static inline void regs_set_syscall_args(struct pt_regs *regs, uint64_t arg0, uint64_t arg1,
					 uint64_t arg2)
{
	regs->di = arg0;
	regs->si = arg1;
	regs->dx = arg2;
}

static inline void regs_set_syscall_arg3(struct pt_regs *regs, uint64_t arg3)
{
	regs->r10 = arg3;
}

static inline void regs_set_place(struct pt_regs *regs, uint64_t ip, uint64_t sp)
{
	regs->ip = ip;
	regs->sp = sp;
}

/* Of a thread with this pthread_self(). */
static inline void set_thread_pointer(struct thread_struct *thread, uint64_t pthread)
{
	thread->fsbase = pthread;
}

#endif
