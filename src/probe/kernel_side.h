/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions of probe.h as a table. A session calls the kernel side through it, so that a test
 * can script one without BPF and without root. `struct probe` is opaque to the caller: each
 * implementation completes the type in its own file.
 */
#ifndef LOOPSTALL_PROBE_KERNEL_SIDE_H
#define LOOPSTALL_PROBE_KERNEL_SIDE_H

#include "probe/probe.h"

/* Each as the function of probe.h with the same name. */
struct kernel_side_ops {
	int (*new)(struct probe **ret_probe, const struct probe_opts *opts, struct err *err);
	void (*free)(struct probe *p);
	int (*attach)(struct probe *p, const struct target *t, struct err *err);
	int (*follow)(struct probe *p, pid_t pid);
	void (*detach)(struct probe *p, pid_t pid);
	void (*nudge_thread)(pid_t tid);
	void (*forget_thread)(struct probe *p, pid_t tid);
	void (*set_light)(struct probe *p, bool is_light);
	bool (*is_light)(const struct probe *p);
	int (*add_uprobes)(struct probe *p, const struct target *t, struct err *err);
	void (*remove_uprobes)(struct probe *p, pid_t pid);
	int (*set_loop_thread)(struct probe *p, pid_t pid, const struct target_loop_thread *thread,
			       const struct probe_inside *inside);
	int (*make_threads)(struct probe *p);
	int (*set_requests)(struct probe *p, pid_t pid, const struct ls_requests *requests);
	int (*set_loop)(struct probe *p, pid_t pid, uint64_t loop, const struct ls_loop *info);
	int (*fd)(const struct probe *p);
	int (*drain)(struct probe *p, event_fn fn, void *ctx);
	int (*each_coroutine)(struct probe *p, probe_coroutine_fn fn, void *ctx);
	int (*each_thread)(struct probe *p, probe_thread_fn fn, void *ctx);
	int (*forget_threads)(struct probe *p, const struct probe_thread *threads, size_t n);
	int (*losses)(struct probe *p, uint64_t *counts);
	int (*set_threshold)(struct probe *p, uint64_t threshold_ns);
	void (*set_detail)(struct probe *p, const struct probe_detail *detail);
	int (*count_tasks)(struct probe *p, bool is_on);
	int (*each_task)(struct probe *p, probe_task_fn fn, void *ctx);
	int (*thread_now)(const struct probe *p, int pidfd, uint64_t now_ns,
			  struct ls_thread_stats *ret);
	int (*live)(const struct probe *p, int pidfd, uint64_t now_ns, struct probe_live *ret);
	int (*open_stall)(const struct probe *p, int pidfd, const struct open_stall_query *q);
	const char *(*transport)(const struct probe *p);
	bool (*is_multi)(const struct probe *p);
	uint64_t (*sample_period_ns)(const struct probe *p);
	uint64_t (*run_time_ns)(const struct probe *p);
	int (*calibrate)(struct probe *p);
	void (*read_cost)(struct probe *p, uint64_t now_ns, struct probe_cost *ret);
};

/* The real one: BPF programs in the running kernel. */
extern const struct kernel_side_ops bpf_kernel_side;

#endif
