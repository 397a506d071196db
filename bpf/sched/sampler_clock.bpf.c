// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Ticks of the sampler's clock (sampler_clock.h) and its set-up. A timer cannot be allocated where
 * the scheduler's locks are held, so user space has a program visit the clocks.
 */
#include "core/cpu_waits.h"
#include "core/maps.h"
#include "core/meter.h"
#include "sched/sample.h"
#include "python/lock_looks.h"

#include <bpf/bpf_tracing.h>

#define CLOCK_MONOTONIC 1 /* linux: include/uapi/linux/time.h */
#define PIN_TO_CPU 2 /* linux 6.7: include/uapi/linux/bpf.h, BPF_F_TIMER_CPU_PIN */
#define IS_SET_UP -16 /* linux: -EBUSY of bpf_timer_init() */

/*
 * Where the kernel does not report some switches (docs/internals.md), a clock that has stopped
 * would not start for the loop thread that comes by one of them.
 */
#define BEAT_PERIODS 4
#define BEATS_FOR_NS 5000000000ULL

/* What the clock does after a tick, of which `ts` is the thread, NULL if it has no state. */
static __always_inline __u8 state_after(struct clock *clock, const struct thread_state *ts)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	const struct cpu_waits *waits;
	__u64 now_ns = 0;

	if (ts || returns_are_unseen)
		now_ns = bpf_ktime_get_ns();
	if (ts)
		clock->seen_ns = now_ns;
	/* Another thread of a watched process, or its state is locked by a look-up. */
	if (ts || bpf_map_lookup_elem(&procs, &tgid))
		return CLOCK_TICKS;
	waits = cpu_waits_here();
	if (waits && waits->used)
		return CLOCK_TICKS;
	return returns_are_unseen && now_ns - clock->seen_ns < BEATS_FOR_NS ? CLOCK_BEATS :
									      CLOCK_STOPPED;
}

/* Of what a loop thread waits for, if this thread holds that. */
static __always_inline void holder_sample(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	lock_watch_sample(task->tgid, thread_key(&task->thread, &task->thread_pid),
			  bpf_ktime_get_ns());
}

/* Runs as an interrupt in the context of the interrupted thread. */
static int on_tick(void *map, __u32 *index, struct clock *clock)
{
	METER(SAMPLE);
	struct thread_state *ts = current_thread();
	__u64 period_ns = settings.sample_period_ns;
	__u8 state;

	/* Kernels that do not pin timers may move it; its own CPU starts it again. */
	if (*index != LS_CLOCK_OF(bpf_get_smp_processor_id())) {
		clock->state = CLOCK_STOPPED;
		return 0;
	}
	if (ts)
		thread_sample(ts);
	if (n_lock_watches)
		holder_sample();
	state = state_after(clock, ts);
	if (state == CLOCK_BEATS)
		period_ns *= BEAT_PERIODS;
	if (state != CLOCK_STOPPED && bpf_timer_start(&clock->timer, period_ns, clock_flags))
		state = CLOCK_STOPPED;
	clock->state = state;
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
