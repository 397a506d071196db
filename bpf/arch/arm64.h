/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * arm64. Call arguments: x0 to x3. System call arguments: x0 to x2, the first one in orig_x0,
 * because x0 is the result as well.
 */
#ifndef LOOPSTALL_BPF_ARM64_H
#define LOOPSTALL_BPF_ARM64_H

#include "core/port.h"

/* Tests that bring the target's memory alone have no kernel. */
#ifndef LOOPSTALL_HOSTED
#include <bpf/bpf_core_read.h>
#endif

/* Only the fields that are read; the loader finds their offsets. */
struct thread_struct {
	struct {
		unsigned long tp_value;
	} uw;
} LS_KERNEL_TYPE;

struct pt_regs {
	unsigned long regs[31], sp, pc, orig_x0;
	int syscallno;
} LS_KERNEL_TYPE;

/*
 * The thread's id as it sees it itself. Its thread pointer would not do: user space sets that
 * without the kernel, whose copy is as old as the thread's last switch, and pthread_self() lies
 * below it by a distance that each version of the C library chooses.
 */
#define LS_THREAD_KEY_IS_ID 1

#ifndef LOOPSTALL_HOSTED
LS_INLINE __u64 thread_key(const struct thread_struct *thread, struct pid *const *thread_pid)
{
	struct upid *innermost;
	__u64 pid = 0;

	(void)thread;
	/* As a number: the verifier allows no computed offset from a pointer that it knows. */
	bpf_probe_read_kernel(&pid, sizeof(pid), thread_pid);
	innermost =
		(void *)(pid + bpf_core_field_offset(struct pid, numbers) +
			 BPF_CORE_READ((struct pid *)pid, level) * bpf_core_type_size(struct upid));
	return (__u32)BPF_CORE_READ(innermost, nr);
}
#endif

/*
 * Thread-local variables lie at offsets from it. The kernel's copy is that of the last switch; the
 * C library sets it once, before a thread runs any other code. 0: not known.
 */
LS_INLINE __u64 thread_pointer(const struct thread_struct *thread)
{
	return thread->uw.tp_value;
}

/* glibc sysdeps/aarch64/nptl/tls.h: tcbhead_t.dtv, from the thread pointer on */
#define TLS_BLOCKS_AT 0

/* glibc nptl/descr.h: struct pthread, after 24 words and the links of a list */
#define PTHREAD_TID 208

/* Is this pthread_self() of the thread that has this key? */
LS_INLINE __u32 is_pthread_of(__u64 pthread, __u64 key)
{
	__u32 tid = 0;

	return pthread && !read_user(&tid, sizeof(tid), pthread + PTHREAD_TID) && tid == key;
}

/* The thread_key() of the thread with this pthread_self(), 0: not known. */
LS_INLINE __u64 key_of_pthread(__u64 pthread)
{
	__u32 tid = 0;

	if (!pthread || read_user(&tid, sizeof(tid), pthread + PTHREAD_TID))
		return 0;
	return tid;
}

LS_INLINE __u64 reg_sp(const struct pt_regs *regs)
{
	return regs->sp;
}

LS_INLINE __u64 reg_ip(const struct pt_regs *regs)
{
	return regs->pc;
}

/* By their numbers in DWARF (DWARF for the Arm 64-bit Architecture, 4.1). */
LS_INLINE void regs_copy(const struct pt_regs *regs, __u64 to[LS_COPY_REGS])
{
	__u32 i;

#pragma clang loop unroll(full)
	for (i = 0; i < 31; i++)
		to[i] = regs->regs[i];
	to[31] = regs->sp;
	to[32] = regs->pc;
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
	return loaded(regs->regs[0]);
}

LS_INLINE __u64 call_arg1(const struct pt_regs *regs)
{
	return loaded(regs->regs[1]);
}

LS_INLINE __u64 call_arg2(const struct pt_regs *regs)
{
	return loaded(regs->regs[2]);
}

LS_INLINE __u64 call_arg3(const struct pt_regs *regs)
{
	return loaded(regs->regs[3]);
}

/*
 * Number of the system call that the thread is in; negative if it entered the kernel otherwise,
 * when x8 has any value.
 */
LS_INLINE __s64 syscall_number(const struct pt_regs *regs)
{
	__s64 number = regs->syscallno;

	/* Else clang compares its low half, of which the verifier does not conclude the whole. */
	barrier_var(number);
	return number;
}

LS_INLINE __u64 syscall_arg0(const struct pt_regs *regs)
{
	return regs->orig_x0;
}

LS_INLINE __u64 syscall_arg1(const struct pt_regs *regs)
{
	return regs->regs[1];
}

LS_INLINE __u64 syscall_arg2(const struct pt_regs *regs)
{
	return regs->regs[2];
}

LS_INLINE __u64 syscall_arg3(const struct pt_regs *regs)
{
	return regs->regs[3];
}

/*
 * Stores `value` after all earlier stores, as seen by other CPUs. Programs of the kernel have no
 * weaker barrier than an exchange.
 */
LS_INLINE void store_release(__u64 *where, __u64 value)
{
	__atomic_exchange_n(where, value, __ATOMIC_SEQ_CST);
}

#endif
