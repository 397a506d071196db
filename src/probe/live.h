/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a thread is in at this moment, read out of its state in the kernel, and that state to begin with. The only user of the kernel side's own
 * bpf/state.h.
 */
#ifndef LOOPSTALL_PROBE_LIVE_H
#define LOOPSTALL_PROBE_LIVE_H

#include <stdint.h>

#include "probe/probe.h"

/*
 * Reads the state of the thread behind `pidfd` from the task storage `map_fd`. `qualname` stays 0; ret_coroutine is
 * the index of the coroutine's aggregate, LS_MAX_COROUTINES for none. 0, -ENOENT if no span is open, or -errno.
 */
int live__read(int map_fd, int pidfd, struct probe_live *ret, uint32_t *ret_coroutine);

/* Gives the thread behind `pidfd` a state, if it has none, so that it is watched before its first step or sample. 0 or -errno. */
int live__begin(int map_fd, int pidfd, const struct ls_proc *proc, const struct ls_loop_thread *loop, uint32_t tid);

#endif
