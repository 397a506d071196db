/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Functions that the interpreter calls by itself while it runs another one: handlers of signals,
 * and callbacks of weak references whose object died.
 */
#ifndef LOOPSTALL_BPF_OWN_CALLS_H
#define LOOPSTALL_BPF_OWN_CALLS_H

#include "core/port.h"
#include "core/state.h"

/*
 * Is ts->passed such a function? The frame around it is at `outer` and in ts->frame. From 3.11 on
 * only frames that C code entered may be asked about. Returns enum ls_own_call.
 */
LS_SUBPROG int own_call(struct thread_state *ts, __u64 outer);

#endif
