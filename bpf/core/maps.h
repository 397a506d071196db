/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The maps and settings shared by all programs; maps.bpf.c defines them.
 */
#ifndef LOOPSTALL_BPF_MAPS_H
#define LOOPSTALL_BPF_MAPS_H

#include "core/kernel.h"
#include "core/lock_watch.h"
#include "core/port.h"
#include "core/state.h"

struct threads_map {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_state);
};

struct stacks_map {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_stacks);
};

struct holders_map {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_holders);
};

struct procs_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LS_MAX_PROCS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct ls_proc);
};

/* Where requests are found in a process, if it handles any or runs tests; keyed by tgid. */
struct requests_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LS_MAX_PROCS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct ls_requests);
};

/* LRU: a process may create loops without end, and old ones are not needed again. */
struct loops_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct ls_loop_key);
	__type(value, struct ls_loop);
};

/* Index of a coroutine's aggregate in coroutine_stats. */
struct coroutine_index_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LS_MAX_COROUTINES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ls_coro_key);
	__type(value, __u32);
};

/* An array, because its look-up is free: the hot path keeps the index. Mapped by user space. */
struct coroutine_stats_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LS_MAX_COROUTINES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ls_coro_stats);
};

/* Elements of coroutine_stats that user space has given back, because their thread has ended. */
struct coroutine_free_map {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, LS_MAX_COROUTINES);
	__type(value, __u32);
};

/*
 * A hash table in an array (task_table.bpf.c), so that user space can map it: reading a hash map
 * takes 350 ns for each element.
 */
struct tasks_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LS_MAX_TASKS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ls_task);
};

/* Threads that run loops, registered by user space. */
struct loop_threads_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32); /* tid */
	__type(value, struct ls_loop_thread);
};

/* Code objects that were copied for user space. LRU: a process may create them without end. */
struct code_key {
	__u64 code;
	__u32 tgid;
	__u32 pad;
};

struct copied_codes_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct code_key);
	__type(value, __u8);
};

struct thread_stats_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LS_MAX_THREADS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64); /* as bpf_get_current_pid_tgid() gives it */
	__type(value, struct ls_thread_stats);
};

enum clock_state {
	CLOCK_STOPPED,
	CLOCK_TICKS, /* each period */
	CLOCK_BEATS, /* seldom: in case that a switch to a loop thread is not reported */
};

/* The sampler's timer of one CPU (sampler_clock.h). Only that CPU changes it. */
struct clock {
	struct bpf_timer timer;
	__u64 seen_ns; /* when a loop thread was here last, as far as known */
	__u8 state; /* enum clock_state */
};

struct clocks_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LS_CLOCKS);
	__type(key, __u32); /* LS_CLOCK_TRIAL or LS_CLOCK_OF(cpu) */
	__type(value, struct clock);
};

/*
 * Loop threads that wait for one CPU inside a span, and who runs on it meanwhile (cpu_waits.h).
 * Changed with its run queue locked; only the end of an account may come from another CPU.
 */
#define MAX_CPU_WAITS 8 /* a power of two */

struct cpu_wait {
	__u32 tid; /* who waits */
	__u32 pad;
	__u64 rq; /* address of the CPU's run queue, 0: not known */
	__u64 began_ns;
	__u64 booked_ns; /* the account is complete up to then */
	struct cpu_holders holders;
};

struct cpu_waits {
	__u32 used; /* a bit for each of `list` */
	__u8 is_free; /* the CPU runs nothing, as of its last switch */
	__u8 pad[3];
	struct cpu_wait list[MAX_CPU_WAITS];
};

struct cpu_waits_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LS_MAX_CPUS);
	__type(key, __u32); /* cpu */
	__type(value, struct cpu_waits);
};

struct lock_watches_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_LOCK_WATCHES);
	__type(key, __u32);
	__type(value, struct lock_watch);
};

struct losses_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LS_LOSS_MAX);
	__type(key, __u32);
	__type(value, __u64);
};

struct ring_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
};

extern struct threads_map threads SEC(".maps");
extern struct stacks_map stacks SEC(".maps");
extern struct holders_map holders SEC(".maps");
extern struct procs_map procs SEC(".maps");
extern struct requests_map requests SEC(".maps");
extern struct loops_map loops SEC(".maps");
extern struct coroutine_index_map coroutine_index SEC(".maps");
extern struct coroutine_stats_map coroutine_stats SEC(".maps");
extern struct coroutine_free_map coroutine_free SEC(".maps");
extern struct tasks_map tasks SEC(".maps");
extern struct loop_threads_map loop_threads SEC(".maps");
extern struct copied_codes_map copied_codes SEC(".maps");
extern struct thread_stats_map thread_stats SEC(".maps");
extern struct losses_map losses SEC(".maps");
extern struct clocks_map clocks SEC(".maps");
extern struct cpu_waits_map cpu_waits SEC(".maps");
extern struct lock_watches_map lock_watches SEC(".maps");
extern struct ring_map ring SEC(".maps");

extern volatile struct ls_settings settings;
/* Written once before the programs are loaded. */
extern const volatile __u8 syscall_rules[LS_SYSCALLS];

/* elements of coroutine_stats ever used; may exceed the size a little */
extern __u32 n_coroutines;

extern struct ls_budgets budgets;

extern volatile struct ls_clock_status clock_status;
extern __u64 clock_flags; /* that timers are started with */
extern __u8 returns_are_unseen; /* a switch to a loop thread was not reported */
extern __u32 n_lock_watches; /* open ones */
extern volatile __u64 trial_ticks; /* of the timer that user space measures */

LS_INLINE void count_loss(__u32 loss)
{
	__u64 *count = bpf_map_lookup_elem(&losses, &loss);

	if (count)
		*count += 1;
}

LS_INLINE struct thread_state *thread_of(struct task_struct *task)
{
	return bpf_task_storage_get(&threads, task, NULL, 0);
}

LS_INLINE struct thread_state *current_thread(void)
{
	return bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0);
}

/*
 * NULL if they could not be allocated: the caller's stack is lost and counted, nothing else. Never
 * created here: the callers hold a run queue's lock or run in an interrupt.
 */
LS_INLINE struct thread_stacks *stacks_of(struct task_struct *task)
{
	struct thread_stacks *found = bpf_task_storage_get(&stacks, task, NULL, 0);

	if (!found)
		count_loss(LS_LOSS_THREAD_STORAGE);
	return found;
}

/* The same of the holders. */
LS_INLINE struct thread_holders *holders_of(struct task_struct *task)
{
	struct thread_holders *found = bpf_task_storage_get(&holders, task, NULL, 0);

	if (!found)
		count_loss(LS_LOSS_THREAD_STORAGE);
	return found;
}

/*
 * The sampler can interrupt a program on the same thread. It must not see what is stored between
 * two of these calls half done.
 */
LS_INLINE void thread_set_busy(struct thread_state *ts, __u8 is_busy)
{
	compiler_barrier();
	ts->is_busy = is_busy;
	compiler_barrier();
}

LS_INLINE void record_header(struct ls_rec_hdr *hdr, __u32 kind, __u32 len, __u64 now_ns,
			     const struct thread_state *ts)
{
	hdr->kind = kind;
	hdr->len = len;
	hdr->cpu = bpf_get_smp_processor_id();
	hdr->ts_ns = now_ns;
	hdr->tgid = ts->tgid;
	hdr->tid = ts->tid;
}

#endif
