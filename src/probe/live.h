/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a thread is in at this moment, read out of its state in the kernel. The only user of the kernel side's own bpf/state.h.
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

#endif
