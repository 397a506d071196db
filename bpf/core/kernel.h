/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The few kernel types the programs read, with only the fields they read. The loader finds the real
 * offsets in the running kernel's BTF, so order and size here mean nothing.
 */
#ifndef LOOPSTALL_BPF_KERNEL_H
#define LOOPSTALL_BPF_KERNEL_H

#include <linux/types.h>

#include <loopstall/abi.h>

#include "arch/regs.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct inode {
	unsigned short i_mode;
};

struct file {
	struct inode *f_inode;
	void *private_data;
};

struct list_head {
	struct list_head *next;
};

/* fs/eventpoll.c: an epoll descriptor, and a descriptor it watches */
struct eventpoll {
	struct list_head rdllist; /* of struct epitem.rdllink: those that became ready */
	struct file *file; /* the epoll descriptor's own file */
};

struct epoll_filefd {
	struct file *file;
};

struct epitem {
	struct list_head rdllink;
	struct epoll_filefd ffd;
};

struct sk_buff_head {
	__u32 qlen;
};

struct sock_common {
	unsigned short skc_family;
};

struct sock {
	struct sock_common __sk_common;
	struct sk_buff_head sk_receive_queue;
	__u32 sk_ack_backlog; /* connections not yet accepted */
};

struct socket {
	struct sock *sk;
};

struct unix_address;

struct unix_sock {
	struct unix_address *addr; /* NULL: unnamed */
	struct sock *peer;
};

/*
 * fs/locks.c: a lock of a file, or a request for one. Only as part of this: a type that the kernel
 * does not have is searched in its modules, which needs CAP_SYS_ADMIN.
 */
struct file_lock_core {
	/* of a request that waits: the lock, or another request that waits before it; else NULL */
	struct file_lock_core *flc_blocker;
	int flc_pid; /* the process that made it; negative: one of another machine */
};

struct file_lock {
	struct file_lock_core c; /* from Linux 6.9 on */
};

/* The same before. */
struct file_lock___whole {
	struct file_lock___whole *fl_blocker;
	int fl_pid;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct sched_info {
	/* ns spent waiting for a CPU; there if the kernel keeps scheduler statistics */
	unsigned long long run_delay;
	/* when it last came to a CPU, by the run queue's clock */
	unsigned long long last_arrival;
};

/* What a CPU has to run; there if the kernel keeps account of what the hypervisor takes. */
struct rq {
	/*
	 * ns in which the virtual CPU wanted to run and was not let, as of the last look at its
	 * clock
	 */
	__u64 prev_steal_time_rq;
	__u64 clock; /* as of its last update, which each switch begins with */
	struct task_struct *curr; /* runs on the CPU */
};

struct cfs_bandwidth {
	__u64 quota; /* ~0: none */
	__u64 period;
};

struct task_group {
	struct task_group *parent;
	struct cfs_bandwidth cfs_bandwidth;
};

struct cfs_rq {
	struct rq *rq; /* there if threads are scheduled in groups */
	struct task_group *tg;
	/*
	 * how long it was throttled, by its own quota or by one above, until it last was not: from
	 * Linux 6.6 on; and before, by a clock that follows the CPU's frequency
	 */
	__u64 throttled_clock_self_time, throttled_clock_pelt_time;
};

struct sched_entity {
	struct cfs_rq *cfs_rq; /* likewise */
	/*
	 * the scheduler's own clock when it last looked at the thread; not that of
	 * bpf_ktime_get_ns()
	 */
	__u64 exec_start;
};

typedef struct {
	int counter;
} atomic_t;

struct mm_struct;

struct thread_info {
	__u32 cpu; /* that it runs on or waits for */
};

struct cpumask;

/* What the threads of a process share. */
struct signal_struct {
	atomic_t live; /* threads that have not ended */
	struct task_struct *group_exec_task; /* the thread that is in an exec, or NULL */
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	int on_cpu;
	struct sched_entity se;
	struct sched_info sched_info;
	int exit_code; /* as wait(2) returns it; set before the thread is reported to exit */
	/* what it has to stop for: the number of a signal, and bits (linux: sched/jobctl.h) */
	unsigned long jobctl;
	struct task_struct *real_parent; /* who started it */
	struct task_struct *parent; /* or its tracer */
	int pid; /* the thread */
	int tgid; /* the process */
	struct files_struct *files;
	struct signal_struct *signal;
	struct mm_struct *mm;
	struct task_struct *group_leader; /* the process's first thread */
	char comm[LS_COMM_BYTES];
	unsigned long long utime, stime; /* ns, as the kernel books them */
	unsigned long min_flt, maj_flt; /* page faults without and with a wait for the disk */
	int nr_cpus_allowed; /* by affinity and cpuset */
	const struct cpumask *cpus_ptr; /* a bit for each of them */
	struct pid *thread_pid; /* the thread's ids, one for each namespace */
	struct thread_struct thread;
};

/* What an iterator over all threads gets; after the last one `task` is NULL. */
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

/* What an iterator over a map's elements gets; after the last one `key` is NULL. */
struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};

#pragma clang attribute pop

#endif
