/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Remembers for each place how long the thread was last blocked there, so that light mode can
 * estimate at the beginning of a block whether it will be long.
 */
#ifndef LOOPSTALL_BPF_BLOCK_MEMORY_H
#define LOOPSTALL_BPF_BLOCK_MEMORY_H

#include "core/port.h"
#include "core/state.h"

/* The element of the place where the thread is blocked now. It may be another place's. */
LS_INLINE struct known_block *block_slot(struct thread_state *ts)
{
	return &ts->block_memory.blocks[ts->block_memory.place & (KNOWN_BLOCKS - 1)];
}

LS_INLINE __u64 block_ns(const struct known_block *block)
{
	return (__u64)block->duration_1024ns << 10;
}

LS_INLINE void block_begin(struct thread_state *ts, __u64 position)
{
	ts->block_memory.place = ((__u32)position ^ (__u32)(position >> 32)) * 0x9e3779b1 >> 8 | 1;
}

LS_INLINE void block_end(struct thread_state *ts, __u64 off_ns)
{
	struct known_block *block = block_slot(ts);

	if (!ts->block_memory.place)
		return;
	block->place = ts->block_memory.place;
	block->duration_1024ns = off_ns >> 10;
	ts->block_memory.place = 0;
}

#endif
