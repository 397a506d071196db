/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel side of the scripted world: its table of functions, and the records it reports.
 */
#ifndef TESTS_SESSION_WORLD_KERNEL_H
#define TESTS_SESSION_WORLD_KERNEL_H

#include "world.h"

static inline int kernel_new(struct probe **ret_probe, const struct probe_opts *opts,
			     struct err *err)
{
	struct probe *p = &world.probe;

	if (world.probe_fails)
		return err__set(err, world.probe_fails, "the kernel refuses the BPF programs");
	p->opts = *opts;
	p->is_light = opts->is_light;
	p->least_stalls_per_s = UINT32_MAX;
	*ret_probe = p;
	return 0;
}

static inline void kernel_free(struct probe *p)
{
	(void)p;
}

static inline int kernel_attach(struct probe *p, const struct target *t, struct err *err)
{
	if (world.attach_fails)
		return err__set(err, world.attach_fails, "cannot put probes on %d", t->pid);
	p->attached[p->n_attached++] = t->pid;
	p->n_with_uprobes += !p->is_light;
	return 0;
}

static inline int kernel_follow(struct probe *p, pid_t pid)
{
	p->followed[p->n_followed++] = pid;
	return 0;
}

static inline void kernel_detach(struct probe *p, pid_t pid)
{
	p->detached[p->n_detached++] = pid;
}

static inline void kernel_nudge_thread(pid_t tid)
{
	(void)tid;
}

static inline void kernel_forget_thread(struct probe *p, pid_t tid)
{
	(void)p;
	(void)tid;
}

static inline void kernel_set_light(struct probe *p, bool is_light)
{
	p->is_light = is_light;
	p->n_switches++;
}

static inline bool kernel_is_light(const struct probe *p)
{
	return p->is_light;
}

static inline int kernel_add_uprobes(struct probe *p, const struct target *t, struct err *err)
{
	if (world.uprobes_fail)
		return err__set(err, world.uprobes_fail, "cannot put probes on %d", t->pid);
	p->n_with_uprobes++;
	return 0;
}

static inline void kernel_remove_uprobes(struct probe *p, pid_t pid)
{
	(void)pid;
	p->n_with_uprobes = 0;
	p->is_removed_early |= p->is_light && !p->n_made;
}

static inline int kernel_set_loop_thread(struct probe *p, pid_t pid,
					 const struct target_loop_thread *thread,
					 const struct probe_inside *inside)
{
	(void)pid;
	(void)thread;
	if (inside) {
		p->inside = *inside;
		p->n_inside++;
	}
	p->n_loop_threads++;
	return 0;
}

static inline int kernel_make_threads(struct probe *p)
{
	p->n_made++;
	return 0;
}

static inline int kernel_set_loop(struct probe *p, pid_t pid, uint64_t loop,
				  const struct ls_loop *info)
{
	(void)pid;
	(void)loop;
	(void)info;
	p->n_loops++;
	return 0;
}

static inline int kernel_fd(const struct probe *p)
{
	static int fd = -1;

	(void)p;
	if (fd < 0)
		fd = eventfd(0, EFD_CLOEXEC);
	return fd;
}

static inline int kernel_drain(struct probe *p, event_fn fn, void *ctx)
{
	const size_t n = p->n_records;
	struct event event;
	int r = 0;

	p->n_records = 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		cr_assert_eq(event__decode(&p->records[i], p->records[i].hdr.len, &event), 0);
		r = fn(ctx, &event);
	}
	return r ? r : (int)n;
}

static inline int kernel_each_coroutine(struct probe *p, probe_coroutine_fn fn, void *ctx)
{
	const struct ls_coro_key key = { .code = HANDLER, .tgid = PID, .tid = TID };
	const struct ls_coro_stats stats = { .key = key, .steps = p->stats.steps };

	return p->stats.steps ? fn(ctx, &key, &stats) : 0;
}

static inline int kernel_each_thread(struct probe *p, probe_thread_fn fn, void *ctx)
{
	if (p->on_read)
		p->on_read();
	return fn(ctx, PID, TID, &p->stats);
}

static inline int kernel_forget_threads(struct probe *p, const struct probe_thread *threads,
					size_t n)
{
	(void)p;
	(void)threads;
	(void)n;
	return 0;
}

static inline int kernel_losses(struct probe *p, uint64_t *counts)
{
	memcpy(counts, p->losses, sizeof(p->losses));
	return 0;
}

static inline int kernel_set_threshold(struct probe *p, uint64_t threshold_ns)
{
	p->opts.threshold_ns = threshold_ns;
	return threshold_ns ? 0 : -EINVAL;
}

static inline void kernel_set_detail(struct probe *p, const struct probe_detail *detail)
{
	p->stalls_per_s = detail->stalls_per_s;
	if (p->stalls_per_s < p->least_stalls_per_s)
		p->least_stalls_per_s = p->stalls_per_s;
}

static inline int kernel_count_tasks(struct probe *p, bool is_on)
{
	(void)p;
	(void)is_on;
	return 0;
}

static inline int kernel_each_task(struct probe *p, probe_task_fn fn, void *ctx)
{
	const struct ls_task_key key = { .task = 0x100, .tgid = PID, .tid = TID };
	const struct ls_task_stats stats = { .steps = 5, .total_ns = 1000, .last_end_ns = 1 };

	(void)p;
	return fn(ctx, &key, &stats);
}

static inline int kernel_thread_now(const struct probe *p, int pidfd, uint64_t now_ns,
				    struct ls_thread_stats *ret)
{
	(void)pidfd;
	*ret = p->stats;
	ret->at_ns = now_ns;
	return 0;
}

static inline int kernel_live(const struct probe *p, int pidfd, uint64_t now_ns,
			      struct probe_live *ret)
{
	const struct script now = { .now_ns = now_ns };

	(void)pidfd;
	if (!p->has_open_span)
		return -ENOENT;
	*ret = (struct probe_live){ .stall = script_stall(&now, 7000, LS_UNIT_STEP),
				    .cause = LS_CAUSE_SLEEP,
				    .syscall = 230 };
	script_time(&ret->stall, LS_CAUSE_SLEEP, 200 * MS);
	ret->stall.start_ns = now_ns - 200 * MS;
	return 0;
}

static inline int kernel_open_stall(const struct probe *p, int pidfd,
				    const struct open_stall_query *q)
{
	const struct script now = { .now_ns = q->now_ns };
	struct ls_rec_stack stack = script_stack(&now, 7000, LS_CAUSE_LOCK, 50 * MS);
	struct ls_rec_stall stall = script_stall(&now, 7000, LS_UNIT_STEP);
	struct event event;
	int r;

	(void)pidfd;
	if (!p->open_since_ns || q->now_ns - p->open_since_ns < q->min_ns)
		return -ENOENT;
	script_frame(&stack, FETCH_ROW, 31);
	script_frame(&stack, HANDLER, 14);
	stack.flags |= LS_STACK_SO_FAR;
	script_time(&stall, LS_CAUSE_LOCK, q->now_ns - p->open_since_ns);
	stall.start_ns = p->open_since_ns;
	stall.end = q->end;
	if (p->open_loop) {
		stall.loop = p->open_loop;
		stall.coro = OPEN_CORO;
	}
	stall.flags |= LS_STALL_VICTIMS_UNKNOWN;
	if (p->is_open_late) {
		stall.coro = p->inside.coro;
		stall.flags |= LS_STALL_BEGAN_BEFORE;
	}
	stall.name = (struct ls_pystr){ .kind = 0xff };
	cr_assert_eq(event__decode(&stack, stack.hdr.len, &event), 0);
	r = q->fn(q->ctx, &event);
	cr_assert_eq(event__decode(&stall, sizeof(stall), &event), 0);
	r = r < 0 ? r : q->fn(q->ctx, &event);
	if (q->end == LS_END_RUNNING && p->on_cut)
		p->on_cut();
	return r;
}

static inline const char *kernel_transport(const struct probe *p)
{
	(void)p;
	return "script";
}

static inline bool kernel_is_multi(const struct probe *p)
{
	(void)p;
	return true;
}

static inline uint64_t kernel_nothing(const struct probe *p)
{
	(void)p;
	return 0;
}

static inline int kernel_calibrate(struct probe *p)
{
	p->cost.is_calibrated = true;
	return 0;
}

static inline void kernel_read_cost(struct probe *p, uint64_t now_ns, struct probe_cost *ret)
{
	(void)now_ns;
	*ret = p->cost;
}

static const struct kernel_side_ops world_kernel = {
	.new = kernel_new,
	.free = kernel_free,
	.attach = kernel_attach,
	.follow = kernel_follow,
	.detach = kernel_detach,
	.nudge_thread = kernel_nudge_thread,
	.forget_thread = kernel_forget_thread,
	.set_light = kernel_set_light,
	.is_light = kernel_is_light,
	.add_uprobes = kernel_add_uprobes,
	.remove_uprobes = kernel_remove_uprobes,
	.set_loop_thread = kernel_set_loop_thread,
	.make_threads = kernel_make_threads,
	.set_loop = kernel_set_loop,
	.fd = kernel_fd,
	.drain = kernel_drain,
	.each_coroutine = kernel_each_coroutine,
	.each_thread = kernel_each_thread,
	.forget_threads = kernel_forget_threads,
	.losses = kernel_losses,
	.set_threshold = kernel_set_threshold,
	.set_detail = kernel_set_detail,
	.count_tasks = kernel_count_tasks,
	.each_task = kernel_each_task,
	.thread_now = kernel_thread_now,
	.live = kernel_live,
	.open_stall = kernel_open_stall,
	.transport = kernel_transport,
	.is_multi = kernel_is_multi,
	.sample_period_ns = kernel_nothing,
	.run_time_ns = kernel_nothing,
	.calibrate = kernel_calibrate,
	.read_cost = kernel_read_cost,
};

/* What the kernel side reports */

static inline void report_record(const void *record, size_t size)
{
	struct probe *p = &world.probe;

	cr_assert_lt(p->n_records, MAX_RECORDS);
	memcpy(&p->records[p->n_records++], record, size);
}

static inline struct ls_rec_hdr header_of(uint16_t kind, size_t len, pid_t pid, pid_t tid)
{
	return (struct ls_rec_hdr){ .kind = kind,
				    .len = (uint16_t)len,
				    .ts_ns = world.now_ns,
				    .tgid = (uint32_t)pid,
				    .tid = (uint32_t)tid };
}

static inline void report_thread(pid_t pid, pid_t tid, uint64_t loop, uint64_t tstate)
{
	const struct ls_rec_thread rec = { .hdr = header_of(LS_REC_THREAD, sizeof(rec), pid, tid),
					   .loop = loop,
					   .tstate = tstate };

	report_record(&rec, sizeof(rec));
}

static inline void report_life(enum ls_rec_kind kind, pid_t pid, pid_t tid)
{
	const struct ls_rec_life rec = { .hdr = header_of((uint16_t)kind, sizeof(rec), pid, tid) };

	report_record(&rec, sizeof(rec));
}

static inline void report_fork(pid_t parent, pid_t child, bool is_vfork)
{
	const struct ls_rec_fork rec = { .hdr = header_of(LS_REC_FORK, sizeof(rec), parent, parent),
					 .child = (uint32_t)child,
					 .is_vfork = is_vfork };

	report_record(&rec, sizeof(rec));
}

/* A step of 50 ms in handler(), which slept in fetch_row(). */
static inline void report_stall_of(pid_t pid, pid_t tid)
{
	static uint64_t span;
	const struct script now = { .now_ns = world.now_ns };
	struct ls_rec_stack stack = script_stack(&now, ++span, LS_CAUSE_SLEEP, 50 * MS);
	struct ls_rec_stall stall = script_stall(&now, span, LS_UNIT_STEP);

	script_frame(&stack, FETCH_ROW, 31);
	script_frame(&stack, HANDLER, 14);
	script_time(&stall, LS_CAUSE_SLEEP, 50 * MS);
	stack.hdr.tgid = stall.hdr.tgid = (uint32_t)pid;
	stack.hdr.tid = stall.hdr.tid = (uint32_t)tid;
	report_record(&stack, stack.hdr.len);
	report_record(&stall, sizeof(stall));
	if (pid == PID)
		world.probe.stats.steps++;
}

static inline void report_stall(void)
{
	report_stall_of(PID, TID);
}

#endif
