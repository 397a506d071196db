/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives back what the kernel side keeps of threads that have ended, so that a service whose workers
 * come and go never fills its maps.
 */
#ifndef LOOPSTALL_PROBE_ENDED_H
#define LOOPSTALL_PROBE_ENDED_H

#include <stddef.h>

#include <loopstall/abi.h>

#include "probe/probe.h"

/*
 * The maps' descriptors, and the mapped elements of the one by coroutine of which the first `n`
 * have been in use.
 */
struct ended_maps {
	int threads, coroutine_index, coroutine_stats, coroutine_free;
	const struct ls_coro_stats *stats;
	uint32_t n;
};

/* 0 or -errno: then some is not given back. */
int ended__give_back(const struct ended_maps *maps, const struct probe_thread *threads, size_t n);

#endif
