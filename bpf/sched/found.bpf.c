// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Creates the state of loop threads that user space has found: in light mode of all, in exact mode
 * of those that are in a step or callback, which began before there were probes. Their span is
 * open from the start. The state is complete when the thread's own programs first see it.
 */
#define read_waiter(task, dst, size, addr)                                                         \
	bpf_copy_from_user_task((dst), (size), (const void *)(addr), (task), 0)

#include "core/maps.h"
#include "core/off_cpu.h"
#include "core/span.h"
#include "sched/blocking.h"

#include <bpf/bpf_tracing.h>

/* Initial state of the thread that is visited. What is set here is set again for each. */
static struct thread_state newborn;

/* The loop's own poll. If its descriptor is unknown, user space takes each poll for it. */
static __always_inline int is_own_poll(const struct blocking *why,
				       const struct ls_loop_thread *found)
{
	return why->is_wait && (found->epoll_fd < 0 || found->epoll_fd == why->epoll_fd);
}

/* The place where the thread is blocked, with the stack that user space has read. */
static __always_inline void newborn_set_site(struct task_struct *task, const struct blocking *why,
					     const struct ls_loop_thread *found)
{
	struct thread_stacks *own = bpf_task_storage_get(&stacks, task, NULL, 0);
	struct site *site;

	if (!own || !found->n_frames || found->n_frames > LS_MAX_FRAMES)
		return;
	site = &own->sites[0];
	site->position = found->frames[0].position;
	site->longest_ns = 0;
	site->copied_ips[0] = 0;
	site->copied_ips[1] = 0;
	newborn.why = *why;
	site->rec.span = newborn.cur.number;
	site->rec.weight_ns = 0;
	site->rec.count = 0;
	site->rec.cause = why->cause;
	site->rec.syscall = why->syscall;
	site->rec.native_ip = why->native_ip;
	site->rec.flags = found->flags;
	site->rec.n_frames = found->n_frames;
	site->rec.pad = 0;
	__builtin_memcpy(site->rec.frames, found->frames, sizeof(site->rec.frames));
	newborn.off_site = 0;
}

/* The thread is off the CPU. Returns 0 if it has come to its poll since user space looked. */
static __always_inline int newborn_set_off(struct task_struct *task,
					   const struct ls_loop_thread *found, __u64 now_ns)
{
	const struct pt_regs *regs = (const struct pt_regs *)bpf_task_pt_regs(task);
	struct blocking why = { .epoll_fd = -1 };

	newborn.off_at_ns = now_ns;
	newborn.run_delay_ns = run_delay_ns(task);
	if (!(task->__state & STATE_WAITS))
		return 1;
	blocking_classify(&newborn, task, regs, &why);
	if (is_own_poll(&why, found))
		return 0;
	/* Its end is seen where the loop's own poll returns. */
	newborn.is_foreign_poll = why.epoll_fd >= 0;
	newborn.off_cause = why.cause;
	newborn_set_site(task, &why, found);
	return 1;
}

static __always_inline void newborn_clear(__u32 tgid, __u32 tid, const struct ls_proc *proc)
{
	newborn.proc = *proc;
	newborn.tgid = tgid;
	newborn.tid = tid;
	newborn.epoll_fd = -1;
	newborn.loop = 0;
	newborn.tstate = 0;
	newborn.loop_frame = 0;
	newborn.bare = (struct ls_bare_loop){};
	newborn.bare_left_ns = 0;
	newborn.last_number = 0;
	newborn.cur.unit = LS_UNIT_NONE;
	newborn.on_at_ns = 0;
	newborn.off_at_ns = 0;
	newborn.off_kind = OFF_BLOCKED;
	newborn.off_cause = LS_CAUSE_RUNQUEUE;
	newborn.off_site = LS_MAX_SITES;
	newborn.is_foreign_poll = 0;
	newborn.steal_cpu = ~0;
	newborn.idle_at_ns = 0;
	newborn.stats.since_ns = bpf_ktime_get_ns();
}

static __always_inline void newborn_set_idle(void)
{
	newborn.off_at_ns = newborn.stats.since_ns;
	newborn.idle_at_ns = newborn.stats.since_ns;
	newborn.off_kind = OFF_IDLE;
}

/* It is on its CPU, or waits for one, or waits otherwise, perhaps in its own poll. */
static __always_inline void newborn_wait(struct task_struct *task,
					 const struct ls_loop_thread *found)
{
	const struct pt_regs *regs = (const struct pt_regs *)bpf_task_pt_regs(task);
	struct blocking why = { .epoll_fd = -1 };

	if (task->on_cpu) {
		newborn.on_at_ns = newborn.stats.since_ns;
		return;
	}
	newborn.off_at_ns = newborn.stats.since_ns;
	if (!(task->__state & STATE_WAITS))
		return;
	blocking_classify(&newborn, task, regs, &why);
	if (is_own_poll(&why, found))
		newborn_set_idle();
}

/* A thread that left its CPU before its state was there has not noted it. */
static __always_inline void newborn_check(struct task_struct *task,
					  const struct ls_loop_thread *found)
{
	struct thread_state *ts;

	if (newborn.off_at_ns || newborn.cur.unit != LS_UNIT_NONE || task->on_cpu)
		return;
	ts = thread_of(task);
	if (!ts || ts->off_at_ns)
		return;
	newborn_wait(task, found);
	ts->idle_at_ns = newborn.idle_at_ns;
	ts->off_kind = newborn.off_kind;
	ts->off_at_ns = newborn.off_at_ns;
}

/* Opens the span that the thread is in. */
static __always_inline void newborn_open(struct task_struct *task,
					 const struct ls_loop_thread *found)
{
	__u64 now_ns = bpf_ktime_get_ns();

	newborn.loop = found->loop;
	newborn.tstate = found->tstate;
	newborn.epoll_fd = found->epoll_fd;
	newborn.on_at_ns = now_ns;
	span_open_callbacks(&newborn, now_ns);
	newborn.cur.is_late = 1;
	newborn.cur.task = found->task;
	newborn.cur.coro = found->coro;
	newborn.cur.code = found->code;
	if (task->on_cpu || newborn_set_off(task, found, now_ns))
		return;
	newborn.cur.unit = LS_UNIT_NONE;
	newborn_set_idle();
}

/* User space iterates over all threads after it has registered new ones. */
SEC("iter.s/task")
int on_each_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	const struct ls_loop_thread *found;
	struct thread_state *ts;
	struct ls_proc *proc;
	__u32 tid, tgid;

	if (!task)
		return 0;
	tid = task->pid;
	tgid = task->tgid;
	found = bpf_map_lookup_elem(&loop_threads, &tid);
	if (!found || found->tgid != tgid)
		return 0;
	proc = bpf_map_lookup_elem(&procs, &tgid);
	ts = thread_of(task);
	if (!proc ||
	    (!ts && !found->is_inside && !found->is_bare && !settings.is_light && !proc->is_light))
		return 0;
	/* Not in the thread's programs, most of which must not allocate (core/thread.h). */
	newborn.has_stacks =
		bpf_task_storage_get(&stacks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE) &&
		bpf_task_storage_get(&holders, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (ts) {
		ts->has_stacks = newborn.has_stacks;
		return 0;
	}
	newborn_clear(tgid, tid, proc);
	if (found->is_bare) {
		newborn.bare = found->bare;
		newborn.loop = found->loop;
		newborn.tstate = found->tstate;
		newborn.loop_frame = found->loop_frame;
		newborn.epoll_fd = found->epoll_fd;
	}
	if (found->is_inside)
		newborn_open(task, found);
	else
		newborn_wait(task, found);
	if (bpf_task_storage_get(&threads, task, &newborn, BPF_LOCAL_STORAGE_GET_F_CREATE))
		newborn_check(task, found);
	else
		count_loss(LS_LOSS_THREAD_STORAGE);
	return 0;
}
