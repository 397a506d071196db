/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Copies of the code objects of a stack, each made once, while the process runs for sure: it may
 * end before user space can read their names.
 */
#ifndef LOOPSTALL_BPF_CODES_H
#define LOOPSTALL_BPF_CODES_H

#include "core/maps.h"
#include "core/state.h"

/* Copies the object at `code` and sends it, unless that was done before; 0 is none. */
int code_copy(struct thread_state *ts, __u64 code, __u64 now_ns);
/* Copies what is new among the innermost frames of `rec`. */
int codes_copy(struct thread_state *ts, const struct ls_rec_stack *rec, __u64 now_ns);

/* Sends a stack of a span, with the code objects that are new in it. */
LS_INLINE void stack_send_named(struct thread_state *ts, struct ls_rec_stack *rec, __u64 now_ns)
{
	codes_copy(ts, rec, now_ns);
	stack_send(ts, rec, now_ns);
}

#endif
