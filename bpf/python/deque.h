/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The head of CPython's deque. It counts each append and popleft in its `state` (cpython:
 * Modules/_collectionsmodule.c), so `state` and length together tell how many were ever appended,
 * and how many taken.
 */
#ifndef LOOPSTALL_BPF_DEQUE_H
#define LOOPSTALL_BPF_DEQUE_H

#include "core/port.h"
#include "core/state.h"

/* What it has from its length to its state. */
struct deque {
	__u64 length, left_block, right_block, left_index, right_index, state;
};

/*
 * 0 or -1. At each step: a copy to the stack takes half as long as one to map memory, whose place
 * the kernel looks up before.
 */
LS_INLINE int deque_read(const struct thread_state *ts, __u64 at, struct deque *ret)
{
	return !at || read_user(ret, sizeof(*ret), at + ts->proc.py.at.ob_size) ? -1 : 0;
}

/* How many were put into it, and how many taken out. */
LS_INLINE __u64 deque_arrived(const struct deque *deque)
{
	return (deque->state + deque->length) >> 1;
}

LS_INLINE __u64 deque_taken(const struct deque *deque)
{
	return (deque->state - deque->length) >> 1;
}

#endif
