// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The ticks of the sampler's clock (clock.h), and how it is set up: user space makes a thread of its own, and that runs the program which
 * may do it. Memory for timers must not be asked for where the scheduler's locks are held.
 */
#include "maps.h"
#include "meter.h"
#include "sample.h"

#include <bpf/bpf_tracing.h>

#define CLOCK_MONOTONIC 1 /* linux: include/uapi/linux/time.h */
#define PIN_TO_CPU 2 /* linux 6.7: include/uapi/linux/bpf.h, BPF_F_TIMER_CPU_PIN */

/* On the interrupted thread, in its kernel context, as an interrupt. */
static int on_tick(void *map, __u32 *cpu, struct clock *clock)
{
	METER(SAMPLE);
	struct thread_state *ts = current_thread();
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	/* A kernel that does not pin timers has moved it: its own CPU starts it anew. */
	if (*cpu != bpf_get_smp_processor_id()) {
		clock->is_running = 0;
		return 0;
	}
	if (ts)
		thread_sample(ts);
	/* Without a state it may be another thread of a watched process, or one whose state was just being looked up. For others no clock is needed. */
	clock->is_running = (ts || bpf_map_lookup_elem(&procs, &tgid)) &&
			    !bpf_timer_start(&clock->timer, settings.sample_period_ns, clock_flags);
	return 0;
}

/* To find out what a tick costs: those that interrupt user space itself are counted. */
static int on_trial_tick(void *map, __u32 *cpu, struct clock *clock)
{
	if (bpf_get_current_pid_tgid() >> 32 == settings.setup_tgid)
		trial_ticks++;
	if (settings.is_trial)
		bpf_timer_start(&clock->timer, LS_TRIAL_PERIOD_NS, clock_flags);
	return 0;
}

static __always_inline void clock_set_up(__u32 cpu, int (*tick)(void *map, __u32 *cpu, struct clock *clock))
{
	struct clock *clock = bpf_map_lookup_elem(&clocks, &cpu);

	if (clock && !bpf_timer_init(&clock->timer, &clocks, CLOCK_MONOTONIC) && !bpf_timer_set_callback(&clock->timer, tick))
		n_clocks++;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_setup, struct task_struct *parent, struct task_struct *child)
{
	__u32 i, trial = LS_CLOCK_TRIAL;
	struct clock *clock = bpf_map_lookup_elem(&clocks, &trial);

	if (!clock || parent->tgid != settings.setup_tgid)
		return 0;
	if (settings.is_trial) {
		bpf_timer_start(&clock->timer, LS_TRIAL_PERIOD_NS, clock_flags);
		return 0;
	}
	clock_set_up(trial, on_trial_tick);
	/* The one tick that comes of it does no harm. */
	clock_flags = bpf_timer_start(&clock->timer, LS_TRIAL_PERIOD_NS, PIN_TO_CPU) ? 0 : PIN_TO_CPU;
	for (i = 0; i < LS_CLOCK_TRIAL; i++)
		clock_set_up(i, on_tick);
	return 0;
}
