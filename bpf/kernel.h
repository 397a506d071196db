/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The few kernel types the programs read, with only the fields they read. The loader finds the real offsets
 * in the running kernel's BTF, so order and size here mean nothing.
 */
#ifndef LOOPSTALL_BPF_KERNEL_H
#define LOOPSTALL_BPF_KERNEL_H

#include <linux/types.h>

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

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct thread_struct {
	unsigned long fsbase; /* x86-64: the user's thread pointer */
};

struct sched_info {
	unsigned long long run_delay; /* ns spent waiting for a CPU; there if the kernel keeps scheduler statistics */
};

/* What a CPU has to run; there if the kernel keeps account of what the hypervisor takes. */
struct rq {
	__u64 prev_steal_time_rq; /* ns in which the virtual CPU wanted to run and was not let, as of the last look at its clock */
};

struct cfs_rq {
	struct rq *rq; /* there if threads are scheduled in groups */
};

struct sched_entity {
	struct cfs_rq *cfs_rq; /* likewise */
	__u64 exec_start; /* the scheduler's own clock when it last looked at the thread; not that of bpf_ktime_get_ns() */
};

typedef struct {
	int counter;
} atomic_t;

struct mm_struct;

/* What the threads of a process share. */
struct signal_struct {
	atomic_t live; /* threads that have not ended */
};

struct task_struct {
	unsigned int __state;
	int on_cpu;
	struct sched_entity se;
	struct sched_info sched_info;
	int pid; /* the thread */
	int tgid; /* the process */
	struct files_struct *files;
	struct signal_struct *signal;
	struct mm_struct *mm;
	struct thread_struct thread;
};

/* What an iterator over all threads gets; after the last one `task` is NULL. */
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

/* x86-64. The first six system call arguments are di, si, dx, r10, r8, r9. */
struct pt_regs {
	unsigned long r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, sp;
};

#pragma clang attribute pop

#endif
