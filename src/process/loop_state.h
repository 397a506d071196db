/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What keeps a loop from running tasks at this moment, as the kernel sees its thread.
 */
#ifndef LOOPSTALL_PROCESS_LOOP_STATE_H
#define LOOPSTALL_PROCESS_LOOP_STATE_H

#include <stdint.h>
#include <sys/types.h>

struct target;
struct target_module;

enum loop_state {
	LOOP_STATE_UNKNOWN, /* it has ended, or the kernel does not say what it is in */
	LOOP_STATE_POLLS, /* waits in its own poll */
	LOOP_STATE_OUTSIDE, /* runs, or waits for anything else */
	LOOP_STATE_STOPPED, /* by a signal */
	LOOP_STATE_TRACED, /* by a tracer */
	LOOP_STATE_FROZEN, /* with its cgroup */
};

/* Of the loop at address `loop` (0: not known) that runs on thread `tid`. */
enum loop_state target__loop_state(const struct target *t, pid_t tid, uint64_t loop);

struct proc_thread;

/*
 * The module from which a thread polls, if the probes show the end of that: a spot of the target
 * lies behind the call. NULL if it does not poll, or elsewhere. 0, or -errno if we lack memory or
 * descriptors.
 */
int target__spot_poll(const struct target *t, const struct proc_thread *thread,
		      const struct target_module **ret_module);

#endif
