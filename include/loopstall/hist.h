/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Log-linear histogram of durations: 8 buckets to each power of two, so a bucket is at most 12.5 %
 * wide. Bucket 0 holds everything under 512 ns, the last one everything from 64 s up. The same
 * index function runs in the kernel and in the tests.
 */
#ifndef LOOPSTALL_HIST_H
#define LOOPSTALL_HIST_H

#include <linux/types.h>

#define LS_HIST_MIN_SHIFT 9 /* 512 ns */
#define LS_HIST_MAX_SHIFT 36 /* 68.7 s */
#define LS_HIST_SUB_BITS 3
#define LS_HIST_SUB (1 << LS_HIST_SUB_BITS)
#define LS_HIST_BUCKETS (((LS_HIST_MAX_SHIFT - LS_HIST_MIN_SHIFT) << LS_HIST_SUB_BITS) + 2)

/*
 * Position of the highest set bit; 0 for 0 and 1. Branches, because BPF has no count-leading-zeros.
 */
static inline __u32 ls_log2(__u64 v)
{
	__u32 shift, r;

	r = (v > 0xffffffffULL) << 5;
	v >>= r;
	shift = (v > 0xffff) << 4;
	v >>= shift;
	r |= shift;
	shift = (v > 0xff) << 3;
	v >>= shift;
	r |= shift;
	shift = (v > 0xf) << 2;
	v >>= shift;
	r |= shift;
	shift = (v > 0x3) << 1;
	v >>= shift;
	r |= shift;
	return r | (__u32)(v >> 1);
}

static inline __u32 ls_hist_index(__u64 ns)
{
	__u32 shift;

	if (ns < (1ULL << LS_HIST_MIN_SHIFT))
		return 0;
	if (ns >= (1ULL << LS_HIST_MAX_SHIFT))
		return LS_HIST_BUCKETS - 1;
	shift = ls_log2(ns);
	return 1 + ((shift - LS_HIST_MIN_SHIFT) << LS_HIST_SUB_BITS) +
		((__u32)(ns >> (shift - LS_HIST_SUB_BITS)) & (LS_HIST_SUB - 1));
}

/* Smallest duration that falls into bucket `index`. */
static inline __u64 ls_hist_floor_ns(__u32 index)
{
	__u32 shift, sub;

	if (index == 0)
		return 0;
	if (index >= LS_HIST_BUCKETS - 1)
		return 1ULL << LS_HIST_MAX_SHIFT;
	shift = LS_HIST_MIN_SHIFT + ((index - 1) >> LS_HIST_SUB_BITS);
	sub = (index - 1) & (LS_HIST_SUB - 1);
	return (1ULL << shift) + ((__u64)sub << (shift - LS_HIST_SUB_BITS));
}

#endif
