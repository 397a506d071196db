/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scripts for the kernel side: one loop thread of one watched process, events on it at given times,
 * and what must have come out. Time only passes where the script says so.
 */
#ifndef LOOPSTALL_TESTS_HOST_SCRIPT_H
#define LOOPSTALL_TESTS_HOST_SCRIPT_H

#include <sys/syscall.h>

#include "machine.h"
#include "python.h"

#define US 1000ULL
#define MS 1000000ULL
#define S 1000000000ULL

#define TGID 700
#define TID 701
#define LOOP_EPOLL 5
#define RQ_CLOCK 2345678ULL /* the run queue's clock is behind by this */
#define SCHED_CLOCK 12345678ULL /* the scheduler's clock is behind by this */
#define THREAD_POINTER 0x7e0000001000ULL
#define CODE 0xc0de00 /* of the coroutine that `task` runs */
#define LOOP_CODE 0xc0de99 /* of the function that runs the loop */

/* The one loop thread, its loop, and a task of it. */
struct world {
	struct host_thread *thread;
	uint64_t tstate, loop, ready, scheduled;
	uint64_t coro, task;
	uint64_t start_ns; /* at() counts from here */
	uint64_t loop_frame;
	size_t next_record; /* the first that no expectation took */
	uint64_t syscall_ip; /* where it enters the kernel, 0: anywhere */
};

extern struct world world;

/* The process is watched, the thread on its CPU, the loop not known yet. */
void world__begin(void);
/* User space has found the loop's queues. */
void world__know_loop(void);
/* Copies what a test changed in python.proc to where the programs find it. */
void world__update_proc(void);
struct host_thread *world__add_thread(uint32_t tgid, uint32_t tid);
uint64_t world__add_task(const char *name, uint64_t code);

void at(uint64_t ns);
void pass(uint64_t ns);

/* Events */
void step_enter(uint64_t task, uint64_t sp);
void step_exit(uint64_t sp);
void step(uint64_t task, uint64_t duration_ns); /* both, with time between */
void poll_return(void);
void resume(uint64_t coro, uint64_t sp);
void resume_exit(uint64_t sp);
/* The thread leaves its CPU inside this system call, -1: a page fault. */
void block(long syscall, uint64_t arg0, uint64_t arg1, uint64_t arg2);
void block_in_state(unsigned int state, long syscall); /* one of its own, LOOP_EPOLL in arg0 */
void preempt(void);
void wake(void);
void on_cpu(void); /* it is back on one */
void blocked(long syscall, uint64_t arg0, uint64_t duration_ns); /* all three */
void idle(uint64_t duration_ns); /* the loop's own wait, and its end */
/*
 * A signal interrupts the loop's own wait, which has such a timeout, after 5 ms for 150 ms; then
 * the thread waits for a CPU for 2 ms.
 */
void stop_in_poll(int timeout_ms);
void tick(void); /* of the sampler on this CPU */
void start_sampler(void); /* visits all clocks */
void visit_clock(uint32_t index);

/* State */
struct ls_thread_stats totals(void);
const struct ls_coro_stats *stats_of(uint64_t code); /* NULL: none */
int64_t cause_total(uint32_t cause);

/* Records: the next of a kind; those of other kinds before it are passed over. NULL: none. */
const struct host_record *next_record(uint32_t kind);
size_t count_records(uint32_t kind);

#endif
