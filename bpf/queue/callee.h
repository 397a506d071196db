/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The C function that a loop runs as a callback: `call_soon(time.sleep, 1)`. It has no frame of its
 * own, so a stack would end with the loop's function that called it.
 */
#ifndef LOOPSTALL_BPF_CALLEE_H
#define LOOPSTALL_BPF_CALLEE_H

#include "core/state.h"

/*
 * Sets ts->callee, where `frame` is the innermost frame of the thread. Not inside a step, whose own
 * line shows what it calls.
 */
int callee_find(struct thread_state *ts, __u64 frame);

#endif
