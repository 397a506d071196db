/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel side as it is part of this program. The generated header carries its bytes, and each
 * file that opens it would have a copy of them.
 */
#ifndef LOOPSTALL_PROBE_SKELETON_H
#define LOOPSTALL_PROBE_SKELETON_H

#include <loopstall/abi.h>

/* Generated; it needs the types of abi.h. */
#include "loopstall.skel.h"

/* NULL with errno on failure. For loopstall_bpf__destroy(). */
struct loopstall_bpf *skeleton__open(void);

#endif
