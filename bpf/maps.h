/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The maps and settings shared by all programs; maps.bpf.c defines them.
 */
#ifndef LOOPSTALL_BPF_MAPS_H
#define LOOPSTALL_BPF_MAPS_H

#include "kernel.h"
#include "port.h"
#include "state.h"

struct threads_map {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_state);
};

struct procs_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LS_MAX_PROCS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct ls_proc);
};

/* A program may make loops without end, one after the other: those that are not looked at any more give way. */
struct loops_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct ls_loop_key);
	__type(value, struct ls_loop);
};

/* Where the aggregate of a coroutine is in coroutine_stats. */
struct coroutine_index_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LS_MAX_COROUTINES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ls_coro_key);
	__type(value, __u32);
};

/* An array, because its look-up costs nothing: the hot path keeps the index. User space maps it. */
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

/* A hash table of our own (tasks.bpf.c), because user space maps it: to read a hash map takes 350 ns for each element. */
struct tasks_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LS_MAX_TASKS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ls_task);
};

/* Where loops run, as user space found it. */
struct loop_threads_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32); /* tid */
	__type(value, struct ls_loop_thread);
};

struct thread_stats_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LS_MAX_THREADS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64); /* as bpf_get_current_pid_tgid() gives it */
	__type(value, struct ls_thread_stats);
};

/* The sampler's clock on one CPU (clock.h). Only that CPU changes it. */
struct clock {
	struct bpf_timer timer;
	__u8 is_running;
};

struct clocks_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LS_CLOCKS);
	__type(key, __u32);
	__type(value, struct clock);
};

struct losses_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LS_LOSS_MAX);
	__type(key, __u32);
	__type(value, __u64);
};

struct ring_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 2 * 1024 * 1024);
};

extern struct threads_map threads SEC(".maps");
extern struct procs_map procs SEC(".maps");
extern struct loops_map loops SEC(".maps");
extern struct coroutine_index_map coroutine_index SEC(".maps");
extern struct coroutine_stats_map coroutine_stats SEC(".maps");
extern struct coroutine_free_map coroutine_free SEC(".maps");
extern struct tasks_map tasks SEC(".maps");
extern struct loop_threads_map loop_threads SEC(".maps");
extern struct thread_stats_map thread_stats SEC(".maps");
extern struct losses_map losses SEC(".maps");
extern struct clocks_map clocks SEC(".maps");
extern struct ring_map ring SEC(".maps");

extern volatile struct ls_settings settings;
/* Written once before the programs are loaded. */
extern const volatile __u8 syscall_rules[LS_SYSCALLS];

extern __u32 n_coroutines; /* elements of coroutine_stats that were ever in use; may run past the end a little */

extern struct ls_budgets budgets;

extern volatile __u32 n_clocks; /* that are set up */
extern __u64 clock_flags; /* that they are started with */
extern volatile __u64 trial_ticks; /* of the clock that user space measures */

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

/* The sampler interrupts programs of its own thread: what it may not see half done lies between two of these. */
LS_INLINE void thread_set_busy(struct thread_state *ts, __u8 is_busy)
{
	__asm__ volatile("" ::: "memory");
	ts->is_busy = is_busy;
	__asm__ volatile("" ::: "memory");
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

/* Sends a stack; all but its header is filled in. Nobody is woken for it. */
LS_INLINE void stack_send(const struct thread_state *ts, struct ls_rec_stack *rec, __u64 now_ns)
{
	__u32 n = rec->n_frames, len;

	barrier_var(n);
	if (n > LS_MAX_FRAMES)
		n = LS_MAX_FRAMES;
	len = __builtin_offsetof(struct ls_rec_stack, frames) + n * sizeof(struct ls_frame);
	record_header(&rec->hdr, LS_REC_STACK, len, now_ns, ts);
	if (bpf_ringbuf_output(&ring, rec, len, BPF_RB_NO_WAKEUP))
		count_loss(LS_LOSS_RING_STACK);
}

#endif
