/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which calls sleep in a native library: a database's that waits for a lock, a driver's that polls;
 * and which wait in another loop, without frames, that they run. The native frames of a stall show
 * it. They are not copied of every stall, so each place is remembered.
 */
#ifndef LOOPSTALL_MODEL_LIBRARY_CALLS_H
#define LOOPSTALL_MODEL_LIBRARY_CALLS_H

#include "model/model.h"

#define LIBRARY_CALLS_MAX 1024 /* places; stalls at others are judged by their own frames alone */

struct library_call;

struct library_calls {
	struct library_call *table;
};

/* Sets is_library_call, or is_nested_loop, of a stall whose place is filled in. 0 or -ENOMEM. */
int library_calls__judge(struct library_calls *l, struct stall *stall);
void library_calls__done(struct library_calls *l);

#endif
