/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Kinds of coroutines (a kind is a code object) and their aggregates.
 */
#ifndef LOOPSTALL_BPF_COROUTINES_H
#define LOOPSTALL_BPF_COROUTINES_H

#include "core/maps.h"

/*
 * Fills `known` for a kind that is not cached, and finds or creates its aggregate. `code` is the
 * content of the code field; it is used only if the object is a coroutine or generator.
 */
int coroutine_find(struct thread_state *ts, struct known_code *known, __u64 coro, __u64 code);

LS_INLINE struct known_code *known_slot(struct thread_state *ts, __u64 code)
{
	__u32 slot = (__u32)(code >> 4) * 0x9e3779b1 >> 26;

	return &ts->known[slot & (KNOWN_CODES - 1)];
}

/* The kind of the awaitable at `coro`. */
LS_INLINE const struct known_code *coroutine_known(struct thread_state *ts, __u64 coro)
{
	__u64 code = read_ptr(coro + ts->proc.py.at.gen_code) & ~(__u64)ts->proc.py.at.tag_mask;
	struct known_code *known = known_slot(ts, code);

	if (!code || known->code != code)
		coroutine_find(ts, known, coro, code);
	return known;
}

/* A step of this kind was a stall. One that is not cached is found again by coroutine_find(). */
LS_INLINE void coroutine_mark_stalled(struct thread_state *ts, __u64 code)
{
	struct known_code *known = known_slot(ts, code);

	if (code && known->code == code)
		known->has_stalled = 1;
}

#endif
