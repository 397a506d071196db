/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The allowance for one look at something that a target controls: its files, its memory. Whatever
 * is read there may be made to take for ever, so each loop over it asks work_step() and ends with
 * the error. One look at a time, of the one thread that looks: what the loops belong to need not
 * hand the allowance on. Outside of a look there is no limit.
 *
 * The errors: -ETIME when the CPU time is used up; -EINTR when a signal that ends the program waits
 * (they are blocked while a session runs); what work_fail() was given.
 */
#ifndef LOOPSTALL_BASE_WORK_H
#define LOOPSTALL_BASE_WORK_H

#include <stdint.h>

/*
 * Begins a look. Inside of another one it changes nothing. A machine that is more than two times
 * slower than those of 2026 gets a multiple of the CPU time, for the same work.
 */
void work_begin(uint64_t cpu_ns);
/* The CPU time that this machine needs for what takes others `cpu_ns`. */
uint64_t work_scaled_ns(uint64_t cpu_ns);
/* Ends it. 0, or why the look is not complete. */
int work_end(void);

/* For cheap steps, such as a read: looks at the clock at some of them. 0 or -errno, which stays. */
int work_step(void);
/* The same for steps that make no system call. */
int work_quick_step(void);
/* For steps that may take long. */
int work_check(void);
/* Ends the look: something else is used up, such as memory. */
void work_fail(int code);

#endif
