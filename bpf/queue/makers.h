/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Steps that put many tasks into the loop's queue at once: the next turn consists of them.
 */
#ifndef LOOPSTALL_BPF_MAKERS_H
#define LOOPSTALL_BPF_MAKERS_H

#include "core/state.h"

/* A shorter step cannot have made that many, so most steps are not looked at. */
#define MAKER_MIN_NS 15000ULL
#define MAKER_MIN_TASKS 32
/* Of a sample since the last one, so that its stack is one of making them. */
#define MAKER_MIN_SEEN 8

/* At the end of a step, before it is counted. */
int maker_look(struct thread_state *ts);

/*
 * How many of the steps of the turn that ends were made ready by ts->turn.made. With numbers, the
 * steps are those from `turn.from` on.
 */
__u32 maker_share(struct thread_state *ts);

#endif
