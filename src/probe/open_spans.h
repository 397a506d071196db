/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a thread is in at this moment, read out of its state in the kernel. The only user of the
 * kernel side's own bpf/core/state.h and lock_watch.h.
 */
#ifndef LOOPSTALL_PROBE_OPEN_SPANS_H
#define LOOPSTALL_PROBE_OPEN_SPANS_H

#include <stdint.h>

#include "probe/probe.h"

/* Task storage maps of the kernel side, and the array of its watches of locks. */
struct open_span_maps {
	int threads, stacks, holders, lock_watches;
	const struct ls_coro_stats *stats; /* LS_MAX_COROUTINES aggregates, mapped */
};

/* See probe__thread_now(). */
int open_span__stats(const struct open_span_maps *maps, int pidfd, uint64_t now_ns,
		     struct ls_thread_stats *ret);

/* See probe__live(). */
int open_span__read(const struct open_span_maps *maps, int pidfd, uint64_t now_ns,
		    struct probe_live *ret);

/* See probe__open_stall(). */
int open_span__report(const struct open_span_maps *maps, int pidfd,
		      const struct open_stall_query *q);

#endif
