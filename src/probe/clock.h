/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User space's part in the sampler's clock (bpf/clock.h): sets it up, measures it, and gets it going for a thread that is on a CPU already.
 */
#ifndef LOOPSTALL_PROBE_CLOCK_H
#define LOOPSTALL_PROBE_CLOCK_H

#include <stdint.h>
#include <sys/types.h>

#include <loopstall/abi.h>

struct clock {
	volatile struct ls_settings *settings;
	const volatile __u32 *n_clocks; /* that the kernel side has set up */
	const volatile __u64 *trial_ticks;
	uint64_t ticks_before; /* the trial that runs */
};

/* The programs must be attached. 0, -ENOTSUP if the kernel side has no clock then, or another -errno. */
int clock__set_up(const struct clock *c);

/*
 * Starts one that ticks each LS_TRIAL_PERIOD_NS on the CPU that we are on, and stops it. Returns 0 or -errno; the number of ticks that interrupted
 * this process between the two calls.
 */
int clock__begin_trial(struct clock *c);
uint64_t clock__end_trial(struct clock *c);

/*
 * The clock starts when a thread comes to a CPU. One that is there already when it is found may stay for seconds: we go to that CPU ourselves for a
 * moment, and it comes back. 0, -ESRCH if it is on no CPU, -EBUSY if it has a real-time priority, or another -errno.
 */
int clock_nudge(pid_t tid);
/* The same a moment later, if it computes on: most have done by then. Nobody waits for it. */
void clock_nudge_aside(pid_t tid);

#endif
