/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of tasks counted one by one, LS_MAX_TASKS elements that the kernel side writes
 * meanwhile.
 */
#ifndef LOOPSTALL_PROBE_TASK_COUNTS_H
#define LOOPSTALL_PROBE_TASK_COUNTS_H

#include <stdint.h>

#include "probe/probe.h"

/* Each task in the table; ends with what `fn` returned if that is not 0. */
int task_counts__each(const struct ls_task *tasks, probe_task_fn fn, void *ctx);
/* Frees the tasks of a process that has ended; 0: of all processes, while counting is off. */
void task_counts__remove(struct ls_task *tasks, uint32_t tgid);

#endif
