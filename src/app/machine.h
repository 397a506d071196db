/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the machine lacked while something was measured: CPU time that the hypervisor gave to others, and time in which some
 * thread had no CPU. A check needs both to tell the program's fault from the host's.
 */
#ifndef LOOPSTALL_APP_MACHINE_H
#define LOOPSTALL_APP_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

struct machine_use {
	bool has_cpu; /* the kernel, or the recording, tells the next two */
	uint64_t stolen_ns; /* taken by the hypervisor, of all CPUs together */
	uint64_t wanted_ns; /* CPU time that somebody wanted: all but idle time, which cannot be stolen */
	bool has_pressure; /* it tells the next one */
	uint64_t pressure_ns; /* some thread of the machine was ready and had no CPU */
};

/* Since the machine was started: /proc/stat and /proc/pressure/cpu. */
struct machine_use machine__read(void);
/* Since `before`. What one of the two readings lacks is not told. */
struct machine_use machine__since(const struct machine_use *before);

#endif
