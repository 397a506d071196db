/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads the programs of the kernel side, the largest of them in threads beside the others: to check
 * them is most of the time until a process is measured, and the kernel checks the programs of a
 * privileged process side by side.
 */
#ifndef LOOPSTALL_PROBE_LOADER_H
#define LOOPSTALL_PROBE_LOADER_H

#include "probe/skeleton.h"

/* Before a skeleton is opened. 0 or -errno. */
int loader__init(void);

/* In place of loopstall_bpf__load(), one at a time. 0 or -errno. */
int loader__load(struct loopstall_bpf *skel);

#endif
