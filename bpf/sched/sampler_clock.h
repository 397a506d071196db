/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The sampler's clock: a timer for each CPU, which runs only while loop threads come to that CPU. A
 * perf event of the thread would be set and cleared at each context switch, which costs a server
 * that sleeps between requests more than all programs together (docs/internals.md). A timer stays
 * on across a switch.
 *
 * Only programs of type tracing may use timers: those on the scheduler's tracepoints and iterators,
 * not uprobes.
 */
#ifndef LOOPSTALL_BPF_SAMPLER_CLOCK_H
#define LOOPSTALL_BPF_SAMPLER_CLOCK_H

#include "core/maps.h"

/*
 * A loop thread is switched in. The first tick comes at a random point of a period, as if the timer
 * had been running, so that short and long runs are sampled in proportion to their length. Not at
 * the wake-up: to program a timer there, some 15 us in a guest, would delay the switch-in.
 */
LS_INLINE void clock_start(void)
{
	__u32 index = LS_CLOCK_OF(bpf_get_smp_processor_id());
	struct clock *clock = bpf_map_lookup_elem(&clocks, &index);
	__u64 period_ns = settings.sample_period_ns;

	if (!period_ns || (clock && clock->state == CLOCK_TICKS))
		return;
	if (clock) {
		clock->seen_ns = bpf_ktime_get_ns();
		clock->state = bpf_timer_start(&clock->timer, bpf_get_prandom_u32() % period_ns,
					       clock_flags) ?
			CLOCK_STOPPED :
			CLOCK_TICKS;
	}
	/* The timer is not set up, or the machine has got a CPU more than it could have. */
	if (!clock || clock->state == CLOCK_STOPPED)
		count_loss(LS_LOSS_NO_CLOCK);
}

#endif
