/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel says about one thread right now: its state and the system call it is in. The
 * parser is a pure function over text.
 */
#ifndef LOOPSTALL_PROCESS_PROC_THREAD_H
#define LOOPSTALL_PROCESS_PROC_THREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What /proc/PID/task/TID/syscall says. */
enum proc_call {
	PROC_CALL_UNKNOWN, /* it could not be read: no privilege, or a kernel without it */
	PROC_CALL_RUNNING, /* on a CPU or ready for one */
	PROC_CALL_NONE, /* off the CPU, and not in a system call: a page fault, a signal stop */
	PROC_CALL_IN, /* off the CPU in the system call `nr` */
};

struct proc_thread {
	char state; /* as in /proc/PID/stat: R, S, D, T (stopped), t (traced), ...; 0: unknown */
	enum proc_call call;
	uint16_t nr;
	uint64_t args[6];
	uint64_t sp, pc; /* 0 while it runs */
};

/* Sets all but `state`. 0 or -EBADMSG. */
int proc_thread__parse_syscall(struct proc_thread *thread, const char *text);
/* 0, -ESRCH, or -errno if we lack memory or descriptors. What else cannot be read is unknown. */
int proc_thread__read(struct proc_thread *ret_thread, pid_t pid, pid_t tid);
/* Whether it waits for events of an epoll descriptor: the first argument. */
bool proc_thread__is_in_epoll(const struct proc_thread *thread);
/* True if it is in a poll or select of descriptors. */
bool proc_thread__is_in_poll(const struct proc_thread *thread);
/* True if it is in a poll of one descriptor. */
bool proc_thread__is_in_poll_of_one(const struct proc_thread *thread);
/* Whether two readings show no sign that the thread ran between them. */
bool proc_thread__is_same(const struct proc_thread *a, const struct proc_thread *b);

#endif
