/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * libuv's timer heap, in which uvloop keeps its sleepers.
 */
#ifndef LOOPSTALL_BPF_LIBUV_H
#define LOOPSTALL_BPF_LIBUV_H

#include "core/port.h"
#include "core/state.h"

#include <loopstall/uv.h>

int libuv_visit_timers(struct thread_state *ts, __u64 heap);

/* Time of the last poll of the loop that the heap belongs to. */
LS_INLINE __u64 libuv_loop_time(__u64 heap)
{
	return read_ptr(heap + LS_UV_HEAP_LOOP_TIME);
}

#endif
