/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Cost of the programs. Each counts its runs and times one in LS_METER_EVERY: the kernel's own
 * accounting (BPF_ENABLE_STATS) needs CAP_SYS_ADMIN, which we drop, slows every program of the
 * machine, and reads the clock twice a run.
 *
 * LS_METERS(_) : _(NAME, TRAP), one for each program; TRAP: enum ls_trap
 */
#ifndef LOOPSTALL_METERS_H
#define LOOPSTALL_METERS_H

#include <linux/types.h>

/* How a thread gets to a program, which is a cost besides the program's own. */
enum ls_trap {
	LS_TRAP_NONE, /* a tracepoint: a call */
	LS_TRAP_CALL, /* a uprobe on a call, which the kernel emulates */
	/* the same on a conditional jump, or another instruction that does less than a call */
	LS_TRAP_JUMP,
	LS_TRAP_SAMPLE, /* the CPU clock's interrupt */
	LS_TRAP_MAX
};

#define LS_METERS(_)                                                                               \
	_(STEP_ENTER, CALL)                                                                        \
	_(STEP_EXIT, JUMP)                                                                         \
	_(RESUME, CALL)                                                                            \
	_(RESUME_EXIT, JUMP)                                                                       \
	_(TASK_ANNOUNCE, JUMP)                                                                     \
	_(POLL_RETURN, JUMP)                                                                       \
	_(DNS_ENTER, JUMP)                                                                         \
	_(SWITCH, NONE)                                                                            \
	_(WAKEUP, NONE)                                                                            \
	_(WAKING, NONE)                                                                            \
	_(FILE_LOCK, NONE)                                                                         \
	_(FORK, NONE)                                                                              \
	_(EXIT, NONE)                                                                              \
	_(EXEC, NONE)                                                                              \
	_(SAMPLE, SAMPLE)

enum ls_meter_id {
#define _(name, trap) LS_METER_##name,
	LS_METERS(_)
#undef _
		LS_METER_MAX
};

#define LS_METER_EVERY 64 /* a power of two */
/* longer runs were interrupted by something else and count as this */
#define LS_METER_LONGEST_NS 100000
/* a power of two; with more CPUs some share a row, and a count may be lost now and then */
#define LS_METER_CPUS 256
/* meters of one CPU: a power of two, or Linux 6.1 loses sight of the bounds; its end stays free */
#define LS_METER_ROW 32

/* Written by one CPU. */
struct ls_meter {
	__u64 runs;
	__u64 timed; /* runs whose time was taken */
	__s64 timed_ns; /* their sum, without that of the clock itself */
	__u64 since_ns; /* a timed run is under way: when it began, else 0 */
};

_Static_assert((LS_METER_MAX + 2) <= LS_METER_ROW,
	       "a row holds all meters, and no two CPUs write the same cache line");

#endif
