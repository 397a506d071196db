/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who runs on a CPU while a loop thread waits for it inside a span. A switch on a CPU that no such
 * thread waits for costs one look-up in an array.
 */
#ifndef LOOPSTALL_BPF_CPU_WAITS_H
#define LOOPSTALL_BPF_CPU_WAITS_H

#include "core/maps.h"

/* A shorter wait does not show whether other CPUs stay free. */
#define PINNED_LOOK_NS 1000000

/* Of the current CPU. NULL: the machine has got one more than it could have. */
LS_INLINE struct cpu_waits *cpu_waits_here(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&cpu_waits, &cpu);
}

/* Switch-out: adds the time of the current thread to the accounts of those that wait for its CPU.
 */
int cpu_waits_book(__u64 now_ns);

/* The thread, which is in a span, begins to wait for a CPU; ts->cfs_rq is set. */
int cpu_wait_begin(struct thread_state *ts, __u32 cpu, __u64 now_ns);

/*
 * It is switched in. Adds its account to those of its span, unless `holders` is NULL; the heaviest
 * holder goes to the span.
 */
int cpu_wait_end(struct thread_state *ts, struct thread_holders *holders, __u64 now_ns);

/*
 * Sets ts->is_cpu_free if a CPU is free that the thread must not use: its affinity, not a busy
 * machine, makes it wait.
 */
int free_cpu_find(struct thread_state *ts);

#endif
