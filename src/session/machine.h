/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the machine lacked during a measurement: CPU time that the hypervisor gave to others, and
 * time in which some thread had no CPU. A check needs both to distinguish the program's fault from
 * the host's.
 */
#ifndef LOOPSTALL_SESSION_MACHINE_H
#define LOOPSTALL_SESSION_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

struct machine_use {
	bool has_cpu; /* the kernel or the recording has the next two */
	uint64_t stolen_ns; /* taken by the hypervisor, of all CPUs together */
	/* CPU time that was demanded: all but idle time, which cannot be stolen */
	uint64_t wanted_ns;
	bool has_pressure; /* it has the next one */
	/* time in which some thread of the machine was ready and had no CPU */
	uint64_t pressure_ns;
};

/* Since the machine was started: /proc/stat and /proc/pressure/cpu. */
struct machine_use machine__read(void);
/* The difference to `before`. What one of the two readings lacks is not known. */
struct machine_use machine__since(const struct machine_use *before);

#endif
