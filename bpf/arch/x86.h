/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * x86-64. Call arguments: di, si, dx, cx. System call arguments: di, si, dx, and r10 in place of
 * cx.
 */
#ifndef LOOPSTALL_BPF_X86_H
#define LOOPSTALL_BPF_X86_H

#include "core/port.h"

/* Only the fields that are read; the loader finds their offsets. */
struct thread_struct {
	unsigned long fsbase;
} LS_KERNEL_TYPE;

struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8;
	unsigned long ax, cx, dx, si, di, orig_ax, ip, sp;
} LS_KERNEL_TYPE;

/* The thread pointer, which is pthread_self() as well. */
#define LS_THREAD_KEY_IS_ID 0

LS_INLINE __u64 thread_key(const struct thread_struct *thread, struct pid *const *pid)
{
	(void)pid;
	return thread->fsbase;
}

/* Thread-local variables lie at offsets from it. 0: not known. */
LS_INLINE __u64 thread_pointer(const struct thread_struct *thread)
{
	return thread->fsbase;
}

/* glibc sysdeps/x86_64/nptl/tls.h: tcbhead_t.dtv, from the thread pointer on */
#define TLS_BLOCKS_AT 8

/* Is this pthread_self() of the thread that has this key? */
LS_INLINE __u32 is_pthread_of(__u64 pthread, __u64 key)
{
	return pthread == key;
}

/* The thread_key() of the thread with this pthread_self(). */
LS_INLINE __u64 key_of_pthread(__u64 pthread)
{
	return pthread;
}

LS_INLINE __u64 reg_sp(const struct pt_regs *regs)
{
	return regs->sp;
}

LS_INLINE __u64 reg_ip(const struct pt_regs *regs)
{
	return regs->ip;
}

/* By their numbers in DWARF (System V ABI, AMD64, 3.6.2); the last one is the return address. */
LS_INLINE void regs_copy(const struct pt_regs *regs, __u64 to[LS_COPY_REGS])
{
	to[0] = regs->ax;
	to[1] = regs->dx;
	to[2] = regs->cx;
	to[3] = regs->bx;
	to[4] = regs->si;
	to[5] = regs->di;
	to[6] = regs->bp;
	to[7] = regs->sp;
	to[8] = regs->r8;
	to[9] = regs->r9;
	to[10] = regs->r10;
	to[11] = regs->r11;
	to[12] = regs->r12;
	to[13] = regs->r13;
	to[14] = regs->r14;
	to[15] = regs->r15;
	to[16] = regs->ip;
}

/*
 * Keeps clang from merging two loads into one at a computed offset, which the verifier refuses on a
 * context.
 */
LS_INLINE __u64 loaded(__u64 value)
{
	barrier_var(value);
	return value;
}

/* Arguments of a call, at the call or at the function's entry. */
LS_INLINE __u64 call_arg0(const struct pt_regs *regs)
{
	return loaded(regs->di);
}

LS_INLINE __u64 call_arg1(const struct pt_regs *regs)
{
	return loaded(regs->si);
}

LS_INLINE __u64 call_arg2(const struct pt_regs *regs)
{
	return loaded(regs->dx);
}

LS_INLINE __u64 call_arg3(const struct pt_regs *regs)
{
	return loaded(regs->cx);
}

/* Number of the system call that the thread is in; negative if it entered the kernel otherwise. */
LS_INLINE __s64 syscall_number(const struct pt_regs *regs)
{
	return regs->orig_ax;
}

LS_INLINE __u64 syscall_arg0(const struct pt_regs *regs)
{
	return regs->di;
}

LS_INLINE __u64 syscall_arg1(const struct pt_regs *regs)
{
	return regs->si;
}

LS_INLINE __u64 syscall_arg2(const struct pt_regs *regs)
{
	return regs->dx;
}

LS_INLINE __u64 syscall_arg3(const struct pt_regs *regs)
{
	return regs->r10;
}

/*
 * Stores `value` after all earlier stores, as seen by other CPUs. The processor keeps the order of
 * stores; only the compiler has to.
 */
LS_INLINE void store_release(__u64 *where, __u64 value)
{
	compiler_barrier();
	*(volatile __u64 *)where = value;
}

#endif
