/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The sampler's clock: a timer for each CPU, which runs only while loop threads come to that CPU. A perf event of the thread's own would
 * be set and cleared at each context switch, which costs a server that sleeps between requests more than all programs together
 * (docs/overhead.md). Here a switch finds the timer running, and leaves it.
 *
 * Only programs of type tracing may use timers: those at the scheduler's tracepoints, not uprobes.
 */
#ifndef LOOPSTALL_BPF_CLOCK_H
#define LOOPSTALL_BPF_CLOCK_H

#include "maps.h"

/*
 * A loop thread comes to this CPU. The first tick comes at a random point of a period: to the thread it is a clock that ran before, so that short
 * runs are met as often, for their length, as long ones.
 */
LS_INLINE void clock_start(void)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct clock *clock = bpf_map_lookup_elem(&clocks, &cpu);
	__u64 period_ns = settings.sample_period_ns;

	/* A machine may have more CPUs: those go without. */
	if (cpu >= LS_CLOCK_TRIAL || !clock || clock->is_running || !period_ns)
		return;
	clock->is_running = !bpf_timer_start(&clock->timer, bpf_get_prandom_u32() % period_ns, clock_flags);
}

#endif
