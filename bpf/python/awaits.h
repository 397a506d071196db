/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The await chain of a coroutine that does not run: what it awaits, what that awaits, and so on. Of
 * one that runs, the inner coroutines are frames of the thread (frames.h).
 */
#ifndef LOOPSTALL_BPF_AWAITS_H
#define LOOPSTALL_BPF_AWAITS_H

#include "core/port.h"
#include "core/state.h"

/*
 * Fills ts->await with the innermost coroutine or generator of the chain that begins at `coro`, or
 * says that it has not begun. Unknown if one of them runs or has ended, or cannot be read.
 */
LS_SUBPROG int awaits_read(struct thread_state *ts, __u64 coro);

#endif
