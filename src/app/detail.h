/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much detail our own cost leaves room for.
 */
#ifndef LOOPSTALL_APP_DETAIL_H
#define LOOPSTALL_APP_DETAIL_H

#include <stdint.h>

#define DETAIL_MAX_LEVEL 5

/*
 * How often what is told is to be halved, when it was halved `level` times for the last `interval_ns`, in which we took `cpu_ns` of CPU
 * time in all. Aims at less than 6 % of a core, so that 10 % are never reached for long.
 */
unsigned int detail_level(unsigned int level, uint64_t cpu_ns, uint64_t interval_ns);

#endif
