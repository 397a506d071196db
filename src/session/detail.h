/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The level of detail that our own cost allows.
 */
#ifndef LOOPSTALL_SESSION_DETAIL_H
#define LOOPSTALL_SESSION_DETAIL_H

#include <stdint.h>

#define DETAIL_MAX_LEVEL 5

/*
 * The next level of detail, which is how often the rate of records is halved. `level` was in force
 * for the last `interval_ns`, in which loopstall took `cpu_ns` of CPU time. Aims at less than 6 %
 * of a core, so that 10 % are never reached for long.
 */
unsigned int detail_level(unsigned int level, uint64_t cpu_ns, uint64_t interval_ns);

#endif
