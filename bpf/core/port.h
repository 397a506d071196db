/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the pure logic needs. With LOOPSTALL_HOSTED it is compiled as ordinary C for the unit tests,
 * which supply the target's memory; else it becomes BPF helpers.
 */
#ifndef LOOPSTALL_BPF_PORT_H
#define LOOPSTALL_BPF_PORT_H

#include <loopstall/abi.h>

#define compiler_barrier() __asm__ volatile("" ::: "memory")

/* A type of the running kernel: the loader relocates its fields. */
#ifdef __bpf__
#define LS_KERNEL_TYPE __attribute__((preserve_access_index))
#else
#define LS_KERNEL_TYPE
#endif

#ifdef LOOPSTALL_HOSTED

#include <string.h>

/* Defined by the including test. */
static long hosted_read_user(void *dst, __u32 size, const void *src);
static void hosted_count_loss(__u32 loss);
#define read_user(dst, size, addr) hosted_read_user((dst), (size), (const void *)(addr))
#define count_loss(loss) hosted_count_loss(loss)
#define LS_SUBPROG static
#define LS_INLINE static inline __attribute__((unused))
#define barrier_var(v) __asm__ volatile("" : "+r"(v))

#else

#include <linux/bpf.h>

/* barrier_var(): keeps clang from proving away a bound the verifier has to see */
#include <bpf/bpf_helpers.h>

#define read_user(dst, size, addr) bpf_probe_read_user((dst), (size), (const void *)(addr))
/* A global function: the verifier checks it once and by itself, not again at each call. */
#define LS_SUBPROG __attribute__((noinline))
#define LS_INLINE static __always_inline __attribute__((unused))

#endif

/* One pointer-sized field of the target; 0 if it cannot be read. */
LS_INLINE __u64 read_ptr(__u64 addr)
{
	__u64 v = 0;

	if (read_user(&v, sizeof(v), addr))
		return 0;
	return v;
}

#endif
