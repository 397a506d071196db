/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which kind of coroutine a task runs, and where its aggregate is. A kind is a code object.
 */
#ifndef LOOPSTALL_BPF_COROUTINES_H
#define LOOPSTALL_BPF_COROUTINES_H

#include "maps.h"

/*
 * A kind this thread has not met lately: fills `known`, finds or makes the place of its aggregate (coroutines.bpf.c). `code`
 * is what the coroutine's code field holds; it is believed only if the object is a coroutine or generator.
 */
int coroutine_find(struct thread_state *ts, struct known_code *known, __u64 coro, __u64 code);

/* The kind that the awaitable at `coro` is of. */
LS_INLINE const struct known_code *coroutine_known(struct thread_state *ts, __u64 coro)
{
	__u64 code = read_ptr(coro + ts->proc.py.gen_code) & ~(__u64)ts->proc.py.tag_mask;
	__u32 slot = (__u32)(code >> 4) * 0x9e3779b1 >> 26;
	struct known_code *known = &ts->known[slot & (KNOWN_CODES - 1)];

	if (!code || known->code != code)
		coroutine_find(ts, known, coro, code);
	return known;
}

#endif
