// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Ticks of the sampler's clock (sampler_clock.h) and its set-up. A timer cannot be allocated where
 * the scheduler's locks are held, so user space has a program visit the clocks.
 */
#include "core/maps.h"
#include "core/meter.h"
#include "sched/sample.h"

#include <bpf/bpf_tracing.h>

#define CLOCK_MONOTONIC 1 /* linux: include/uapi/linux/time.h */
#define PIN_TO_CPU 2 /* linux 6.7: include/uapi/linux/bpf.h, BPF_F_TIMER_CPU_PIN */
#define IS_SET_UP -16 /* linux: -EBUSY of bpf_timer_init() */

/* Runs as an interrupt in the context of the interrupted thread. */
static int on_tick(void *map, __u32 *index, struct clock *clock)
{
	METER(SAMPLE);
	struct thread_state *ts = current_thread();
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	/* Kernels that do not pin timers may move it; its own CPU starts it again. */
	if (*index != LS_CLOCK_OF(bpf_get_smp_processor_id())) {
		clock->is_running = 0;
		return 0;
	}
	if (ts)
		thread_sample(ts);
	/*
	 * A thread without state may be another thread of a watched process, or its state may be
	 * locked by a look-up. For other processes the timer stops.
	 */
	clock->is_running = (ts || bpf_map_lookup_elem(&procs, &tgid)) &&
		!bpf_timer_start(&clock->timer, settings.sample_period_ns, clock_flags);
	return 0;
}

/* Measures the cost of a tick: ticks that interrupt user space itself are counted. */
static int on_trial_tick(void *map, __u32 *index, struct clock *clock)
{
	if (bpf_get_current_pid_tgid() >> 32 == settings.trial_tgid)
		trial_ticks++;
	if (settings.is_trial)
		bpf_timer_start(&clock->timer, LS_TRIAL_PERIOD_NS, clock_flags);
	return 0;
}

/* Does this kernel pin timers? One refuses a flag that it does not know. */
static __always_inline void learn_flags(struct clock *clock)
{
	clock_flags =
		bpf_timer_start(&clock->timer, LS_TRIAL_PERIOD_NS, PIN_TO_CPU) ? 0 : PIN_TO_CPU;
	bpf_timer_cancel(&clock->timer);
}

static __always_inline int clock_set_up(struct clock *clock, __u32 index)
{
	int r = bpf_timer_init(&clock->timer, &clocks, CLOCK_MONOTONIC);

	if (r == IS_SET_UP)
		return 0;
	if (r)
		return r;
	if (index != LS_CLOCK_TRIAL)
		return bpf_timer_set_callback(&clock->timer, on_tick);
	r = bpf_timer_set_callback(&clock->timer, on_trial_tick);
	if (!r)
		learn_flags(clock);
	return r;
}

/*
 * Not a program of type syscall: those may sleep, and Linux 6.1 gives such programs no map of type
 * stack, which a tick uses.
 */
SEC("iter/bpf_map_elem")
int on_each_clock(struct bpf_iter__bpf_map_elem *ctx)
{
	const __u32 *key = ctx->key;
	struct clock *clock;
	__u32 index;
	int r = 0;

	if (!key)
		return 0;
	index = *key;
	clock = bpf_map_lookup_elem(&clocks, &index);
	if (!clock)
		return 0;
	if (!settings.is_trial)
		r = clock_set_up(clock, index);
	else if (index == LS_CLOCK_TRIAL)
		r = bpf_timer_start(&clock->timer, LS_TRIAL_PERIOD_NS, clock_flags);
	if (r) {
		clock_status.n_missing++;
		clock_status.err = r;
	}
	return 0;
}
