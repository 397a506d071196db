/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A probe whose kernel side is the one that runs on the host (tests/unit/bpf/host): it has its
 * maps, settings and ring, and no programs that could be attached.
 */
#ifndef TESTS_PROBE_HOST_PROBE_H
#define TESTS_PROBE_HOST_PROBE_H

#include <criterion/criterion.h>
#include <errno.h>

#include "probe/probe_impl.h"

#include "core/meter.h"

#include "bpf/host/expect.h"
#include "bpf/host/programs.h"

static struct loopstall_bpf host_skeleton;
static struct loopstall_bpf__bss host_bss;
static struct probe host_probe;

static inline void host_probe_begin(void)
{
	world__begin();
#define _(name) host_skeleton.maps.name = (struct bpf_map *)&name;
	_(threads)
	_(stacks)
	_(holders)
	_(lock_watches)
	_(procs)
	_(requests)
	_(loops)
	_(coroutine_index)
	_(coroutine_stats)
	_(coroutine_free)
	_(tasks)
	_(loop_threads)
	_(thread_stats)
	_(losses)
	_(clocks)
#undef _
	host_skeleton.bss = &host_bss;
	host_skeleton.data = (struct loopstall_bpf__data *)&settings;
	host_probe = (struct probe){ .skel = &host_skeleton,
				     .stats = maps__values(&coroutine_stats),
				     .tasks = maps__values(&tasks),
				     .cost = { .meters = meters, .n_rows = 1 } };
}

#endif
