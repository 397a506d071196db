/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User space's part in the sampler's clock (bpf/sched/sampler_clock.h): sets it up, measures it,
 * and starts it for a thread that is on a CPU already.
 */
#ifndef LOOPSTALL_PROBE_TICK_CLOCK_H
#define LOOPSTALL_PROBE_TICK_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <loopstall/abi.h>

/* Runs the kernel side's program for each clock. 0 or -errno. */
typedef int (*clock_visit_fn)(void *ctx);

struct tick_clock {
	clock_visit_fn visit;
	void *visit_ctx;
	/* One for each CPU that the machine may have, as one may come while we measure, and one to
	 * measure with. */
	uint32_t n_clocks;
	bool is_incomplete;
	volatile struct ls_settings *settings;
	volatile struct ls_clock_status *status; /* of the last visit */
	const volatile __u64 *trial_ticks;
	uint64_t ticks_before; /* the trial that runs */
};

/*
 * Sets up the timers; waits at most 200 ms until the kernel has given all of them. 0, or -errno if
 * it has given none. Switches to a CPU without one are counted as the loss `sampler_no_clock`.
 */
int tick_clock__set_up(struct tick_clock *c);
/* Asks once more for those that are missing. */
void tick_clock__complete(struct tick_clock *c);

/*
 * Starts one that ticks each LS_TRIAL_PERIOD_NS on the CPU that we are on, and stops it. Returns 0
 * or -errno; the number of ticks that interrupted this process between the two calls.
 */
int tick_clock__begin_trial(struct tick_clock *c);
uint64_t tick_clock__end_trial(struct tick_clock *c);

/*
 * The clock starts when a thread comes to a CPU. One that is there already when it is found may
 * stay for seconds: we go to that CPU ourselves for a moment, and it comes back. 0, -ESRCH if it is
 * on no CPU, -EBUSY if it has a real-time priority, or another -errno.
 */
int clock_nudge(pid_t tid);
/* The same a moment later, if it computes on: most have done by then. Nobody waits for it. */
void clock_nudge_aside(pid_t tid);

#endif
