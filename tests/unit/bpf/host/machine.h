/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small machine for the kernel side, compiled as ordinary C: a clock, threads with storage,
 * sparse user memory, a ring buffer that can fill up, timers. One machine; a test runs in a process
 * of its own, the fuzzer resets it.
 */
#ifndef LOOPSTALL_TESTS_HOST_MACHINE_H
#define LOOPSTALL_TESTS_HOST_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/maps.h"

#include "user_side.h"

#define HOST_FDS 64
#define HOST_STORAGES 4 /* task storage maps */

struct host_thread {
	struct task_struct task; /* first: the programs get its address */
	struct pt_regs user; /* saved when it entered the kernel */
	struct pid ids;
	void *storage[HOST_STORAGES];
	struct cfs_rq cfs_rq;
	struct rq rq;
	struct signal_struct signal;
	struct files_struct files;
	struct fdtable fdt;
	struct file *fds[HOST_FDS];
};

/* A record in the ring, in the order of reservation. */
struct host_record {
	union {
		struct ls_rec_hdr hdr;
		struct ls_rec_thread thread;
		struct ls_rec_stack stack;
		struct ls_rec_victim victim;
		struct ls_rec_stall stall;
		struct ls_rec_life life;
		struct ls_rec_fork fork;
		struct ls_rec_copy copy;
		struct ls_rec_code code;
		struct ls_rec_turn turn;
	};
	bool is_submitted;
	uint64_t flags;
};

/* What goes wrong on request. */
struct host_faults {
	bool ring_full, storage_full, timers_unpinned, no_timer_memory;
	void *full_map; /* takes no new key */
	void *empty_storage; /* this task storage map has no memory */
	/* what another CPU does while a thread gets its first task storage with a value, once */
	void (*meanwhile)(void);
};

struct machine {
	uint64_t now_ns, step_ns; /* step_ns: added by each reading of the clock */
	struct host_thread *current;
	uint32_t cpu, random;
	uint64_t cookie;
	struct host_faults faults;
	struct host_record *records;
	size_t n_records, n_reserved;
	bool has_timer[LS_CLOCKS];
	uint64_t timer_due_ns[LS_CLOCKS]; /* 0: not armed */
	uint64_t timer_flags[LS_CLOCKS];
	unsigned user_reads;
};

extern struct machine machine;

void machine__reset(void);
/* A thread that is not yet on a CPU. */
struct host_thread *machine__new_thread(uint32_t tgid, uint32_t tid);
struct host_thread *machine__find_thread(uint32_t tid); /* NULL: there is none */
/* This timer expires. False if it is not armed. */
bool machine__fire(uint32_t clock);
uint64_t machine__loss(uint32_t loss);

/* User memory: a write creates the page. */
#define HOST_PAGE 4096ULL
void memory__write(uint64_t addr, const void *data, size_t size);
void memory__unmap(uint64_t addr);
static inline void memory__put(uint64_t addr, uint64_t value)
{
	memory__write(addr, &value, sizeof(value));
}

/* maps.c */
void maps__reset(void);
void maps__free_storage(struct host_thread *thread);
/* Number of an array map's element, -1 if `value` is none. */
long maps__index_of(const void *map, const void *value);
/* The elements of an array map. */
void *maps__values(const void *map);
#endif
