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
/*
 * A stack was read that may be sent later. Copies what will not be there then: the code of a
 * module, a class or exec(), which runs once. Another one may have been at its address before, so
 * it is sent each time.
 */
int bodies_copy(struct thread_state *ts, const struct ls_rec_stack *rec, __u64 now_ns);
/*
 * Sends a stack of a span, of which everything but the header is filled in, without a wake-up; the
 * code objects that are new among its innermost frames come first.
 */
int stack_send(struct thread_state *ts, struct ls_rec_stack *rec, __u64 now_ns);

#endif
