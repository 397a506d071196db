/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Time in which a thread does not run: books it to the current span by cause.
 */
#ifndef LOOPSTALL_BPF_OFF_CPU_H
#define LOOPSTALL_BPF_OFF_CPU_H

#include "core/block_memory.h"
#include "core/cpu_waits.h"
#include "core/lock_watch.h"
#include "core/maps.h"
#include "core/span.h"

#include <bpf/bpf_core_read.h>

/* The run queue of a thread's CPU, NULL if the kernel does not schedule threads in groups. */
LS_INLINE struct rq *rq_of(struct task_struct *task)
{
	struct cfs_rq *cfs_rq;

	if (!bpf_core_field_exists(task->se.cfs_rq) || !bpf_core_field_exists(struct cfs_rq, rq))
		return NULL;
	cfs_rq = task->se.cfs_rq;
	return cfs_rq->rq;
}

/*
 * Steal time of this thread's CPU so far; 0 if this is no guest or the kernel does not account it.
 * Read through a helper, because the verifier takes long to check a pointer of the kernel (see
 * docs/internals.md).
 */
LS_INLINE __u64 steal_ns(struct task_struct *task)
{
	if (!bpf_core_field_exists(struct rq, prev_steal_time_rq) ||
	    !bpf_core_field_exists(task->se.cfs_rq) || !bpf_core_field_exists(struct cfs_rq, rq))
		return 0;
	return BPF_CORE_READ(task, se.cfs_rq, rq, prev_steal_time_rq);
}

/* On-CPU time of the current span so far, without that of nested steps. */
LS_INLINE __u64 span_cpu_ns(const struct thread_state *ts, __u64 now_ns)
{
	__u64 other_ns = ts->cur.nested_ns, duration_ns = now_ns - ts->cur.start_ns;

	if (ts->cur.is_touched)
		other_ns += ts->cur.off_ns;
	return other_ns < duration_ns ? duration_ns - other_ns : 0;
}

/*
 * Adds the steal time since the last call, on the same CPU, to the current span: a wait for a CPU
 * that happens below the scheduler. The kernel updates the counter with every tick and context
 * switch. A read in between finds the old value, even right after the hypervisor let the CPU run
 * again, so the time since the counter last changed is the bound, not the time since it was read.
 */
LS_INLINE void steal_book(struct thread_state *ts, struct task_struct *task, __u64 now_ns)
{
	__u64 steal = steal_ns(task), taken_ns, bound_ns;
	__u32 cpu = bpf_get_smp_processor_id();

	taken_ns = ts->steal_cpu == cpu ? steal - ts->steal_ns : 0;
	if (taken_ns && ts->cur.unit != LS_UNIT_NONE && !ts->off_at_ns) {
		bound_ns = span_cpu_ns(ts, now_ns);
		if (bound_ns > now_ns - ts->steal_changed_ns)
			bound_ns = now_ns - ts->steal_changed_ns;
		if (taken_ns > bound_ns)
			taken_ns = bound_ns;
		span_touch(ts);
		ts->cur.cause_ns[LS_CAUSE_RUNQUEUE] += taken_ns;
		ts->cur.off_ns += taken_ns;
		ts->cur.stolen_ns += taken_ns;
		ts->light_stolen_ns += taken_ns;
	}
	if (ts->steal_cpu != cpu || steal != ts->steal_ns)
		ts->steal_changed_ns = now_ns;
	ts->steal_cpu = cpu;
	ts->steal_ns = steal;
	ts->steal_at_ns = now_ns;
}

/* After a switch-in: steal time before it is not this thread's. */
LS_INLINE void steal_begin(struct thread_state *ts, struct task_struct *task, __u64 now_ns)
{
	ts->steal_cpu = ~0;
	steal_book(ts, task, now_ns);
}

/* How long threads of this run queue have been throttled by a CPU quota so far. */
LS_INLINE __u64 throttled_ns(struct cfs_rq *cfs_rq)
{
	if (bpf_core_field_exists(struct cfs_rq, throttled_clock_self_time))
		return BPF_CORE_READ(cfs_rq, throttled_clock_self_time);
	if (bpf_core_field_exists(struct cfs_rq, throttled_clock_pelt_time))
		return BPF_CORE_READ(cfs_rq, throttled_clock_pelt_time);
	return 0;
}

/* The thread begins to wait for a CPU. */
LS_INLINE void throttle_mark(struct thread_state *ts, struct task_struct *task)
{
	struct cfs_rq *cfs_rq = NULL;

	if (bpf_core_field_exists(task->se.cfs_rq))
		cfs_rq = task->se.cfs_rq;
	ts->cfs_rq = (__u64)cfs_rq;
	ts->throttled_ns = throttled_ns(cfs_rq);
}

/* A shorter wait for a CPU is not looked at: what is throttled waits for the next period. */
#define THROTTLE_LOOK_NS 200000

/*
 * Of the time in which the current thread waited for a CPU, what a quota is to blame for. The
 * quota goes to the current span.
 */
__u64 throttle_book(struct thread_state *ts, __u64 ready_ns);

/* Switch-in after a wait for a CPU: who had it? What waits for a quota waits for no one. */
LS_INLINE void cpu_wait_settle(struct thread_state *ts, struct task_struct *task, __u64 now_ns,
			       __u64 ready_ns)
{
	if (ready_ns >= PINNED_LOOK_NS && task->nr_cpus_allowed < settings.n_cpus) {
		ts->cpus_allowed = (__u64)BPF_CORE_READ(task, cpus_ptr);
		free_cpu_find(ts);
		if (ts->is_cpu_free)
			ts->cur.pinned_ns += ready_ns;
	}
	if (ts->cpu_wait)
		cpu_wait_end(ts, ready_ns ? holders_of(task) : NULL, now_ns);
}

/* The holder is the one that the span waited for longest. Is it this one? */
LS_INLINE int held_take(struct held *held, const struct thread_state *ts, __u64 waited_ns)
{
	if (waited_ns <= held->longest_ns)
		return 0;
	held->longest_ns = waited_ns;
	held->tstate = ts->holder_tstate;
	held->id = ts->holder_id;
	return 1;
}

/* Adds a wait for the GIL or a lock to what the thread that held it is waited for. */
LS_INLINE void holder_book(struct thread_state *ts, struct task_struct *task, __u32 cause,
			   __u64 waited_ns)
{
	__u32 index = ts->holder_slot;
	struct thread_holders *holders;
	struct lock_holder *holder;

	barrier_var(index);
	if (index < LS_MAX_HOLDERS) {
		holders = holders_of(task);
		/* The same as for the index of a site below. */
		_Static_assert(!(LS_MAX_HOLDERS & (LS_MAX_HOLDERS - 1)), "a mask bounds the index");
		barrier_var(index);
		index &= LS_MAX_HOLDERS - 1;
		if (!holders)
			return;
		holder = &holders->locks[index];
		holder->rec.weight_ns += waited_ns;
		holder->rec.count++;
		if (cause == LS_CAUSE_GIL && ts->is_holder_collecting)
			holder->collecting_ns += waited_ns;
		waited_ns = holder->rec.weight_ns;
	}
	if (cause == LS_CAUSE_GIL)
		held_take(&ts->cur.gil, ts, waited_ns);
	else if (held_take(&ts->cur.lock, ts, waited_ns))
		ts->cur.lock_known = ts->lock_known;
}

/* Is it known, or known why not, who held what the thread waited for? */
LS_INLINE int has_holder(const struct thread_state *ts, __u32 cause)
{
	if (cause == LS_CAUSE_LOCK)
		return ts->lock_known != LS_LOCK_NOT_SEEN;
	return cause == LS_CAUSE_GIL && ts->holder_tstate;
}

/* A shorter wait for a CPU after the loop's wait is taken for a part of that. */
#define WAKE_LATE_NS 100000ULL

/* When the loop's wait ended: the wake-up of a thread that then had to wait for a CPU. */
LS_INLINE __u64 wake_ns(const struct thread_state *ts, __u64 now_ns)
{
	__u64 woken_ns = ts->woken_at_ns;

	return ts->idle_at_ns && ts->off_kind == OFF_IDLE && woken_ns > ts->idle_at_ns &&
			ts->on_at_ns > woken_ns + WAKE_LATE_NS ?
		woken_ns :
		now_ns;
}

/* Switch-in after the loop's wait: was something due while the thread was stopped in it? */
int idle_stop_end(struct thread_state *ts, __u64 now_ns);

/* Adds to the callbacks that began when the loop's wait was over what kept them from running. */
int late_book(struct thread_state *ts, __u64 ready_ns);

/*
 * The loop's wait has ended in light mode, where a span is opened only if it began late: because
 * the thread was stopped. Who waits was collected then. Returns how much of the time since was no
 * wait of the loop.
 */
__u64 light_wake(struct thread_state *ts, __u64 now_ns);

/*
 * The loop's wait has ended: a turn begins. If the thread had to wait for a CPU, it began at the
 * wake-up; if it was stopped, when its wait timed out.
 */
LS_INLINE void turn_wake(struct thread_state *ts, __u64 now_ns)
{
	__u64 from_ns = ts->wait.from_ns ? ts->wait.from_ns : wake_ns(ts, now_ns);
	__u64 ready_ns = ts->wait.from_ns ? ts->wait.ready_ns : ts->on_at_ns - from_ns;

	if (ts->idle_at_ns) {
		ts->stats.idle_ns += from_ns - ts->idle_at_ns;
		ts->idle_at_ns = 0;
	}
	turn_begin(ts, from_ns);
	span_open_callbacks(ts, from_ns);
	ts->cur.is_wake = 1;
	ts->is_late_wait = 0;
	if (from_ns == now_ns)
		return;
	late_book(ts, ready_ns);
	ts->is_late_wait = 1;
}

/*
 * A thread that looks for the GIL, finds it taken and waits again runs for some microseconds; one
 * that runs longer than this has run the loop. Interrupts and a hypervisor take a part of it.
 */
#define LATE_CPU_NS 1000000ULL

/*
 * Switch-out: does the thread go on waiting for what it needs to run the loop, which was woken? It
 * waits for a CPU or for the GIL.
 */
LS_INLINE int is_late_wait(const struct thread_state *ts, __u32 cause, __u64 now_ns)
{
	__u64 from_ns = ts->on_at_ns > ts->cur.start_ns ? ts->on_at_ns : ts->cur.start_ns;
	__u32 has_run = ts->cur.is_touched && ts->cur.off_ns && !ts->is_late_wait;

	return ts->cur.is_wake && (cause == LS_CAUSE_GIL || cause == LS_CAUSE_RUNQUEUE) &&
		!has_run && now_ns - from_ns < LATE_CPU_NS;
}

/* One call may wait in several system calls: it goes by that of its longest wait. */
LS_INLINE void site_book(struct site *site, const struct blocking *why, __u64 off_ns)
{
	site->rec.weight_ns += off_ns;
	site->rec.count++;
	if (off_ns <= site->longest_ns)
		return;
	site->longest_ns = off_ns;
	site->rec.syscall = why->syscall;
	site->rec.native_ip = why->native_ip;
}

/* The loop returns from its own wait. */
LS_INLINE void idle_ends(struct thread_state *ts, __u64 off_ns, __u64 now_ns)
{
	if (ts->wait.stopped_at_ns)
		idle_stop_end(ts, now_ns);
	if (!is_light(ts) && (ts->bare.is_plain || (ts->proc.has_poll_spot && !ts->is_silent_poll)))
		return;
	if (is_light(ts)) {
		ts->stats.idle_ns += off_ns - light_wake(ts, now_ns);
		ts->idle_at_ns = 0;
		return;
	}
	turn_wake(ts, now_ns);
}

/* The wait of a loop inside a step is part of neither the step nor the turn. */
LS_INLINE void nested_ends(struct thread_state *ts, __u64 off_ns)
{
	ts->stats.idle_ns += off_ns;
	ts->cur.nested_ns += off_ns;
	if (ts->turn_start_ns)
		ts->turn_start_ns += off_ns;
}

/* How much of the time off the CPU the thread could have run. */
LS_INLINE __u64 ready_part_ns(const struct thread_state *ts, __u32 cause, __u64 off_ns,
			      __u64 now_ns)
{
	__u64 ready_ns = 0;

	if (cause == LS_CAUSE_RUNQUEUE)
		ready_ns = off_ns;
	else if (ts->woken_at_ns && ts->woken_at_ns < now_ns)
		ready_ns = now_ns - ts->woken_at_ns;
	return ready_ns > off_ns ? off_ns : ready_ns;
}

LS_INLINE void site_end(struct thread_state *ts, struct task_struct *task, __u32 index,
			__u64 off_ns)
{
	struct thread_stacks *stacks;

	if (index >= LS_MAX_SITES)
		return;
	stacks = stacks_of(task);
	/* Again, by a mask: the verifier of Linux 6.1 forgets the bound at the call. */
	_Static_assert(!(LS_MAX_SITES & (LS_MAX_SITES - 1)), "a mask bounds the index");
	barrier_var(index);
	index &= LS_MAX_SITES - 1;
	if (stacks)
		site_book(&stacks->sites[index], &ts->why, off_ns);
}

/* Switch-in: adds the time off the CPU to the current span. */
LS_INLINE void thread_returns(struct thread_state *ts, struct task_struct *task, __u64 now_ns)
{
	__u64 off_ns = now_ns - ts->off_at_ns, ready_ns, quota_ns = 0;
	__u32 cause = ts->off_cause, index = ts->off_site;

	ts->off_at_ns = 0;
	ts->on_at_ns = now_ns;
	steal_begin(ts, task, now_ns);
	if (ts->lock_watch)
		lock_watch_end(ts, holders_of(task), ts->woken_at_ns ?: now_ns);
	if (ts->off_kind == OFF_IDLE) {
		idle_ends(ts, off_ns, now_ns);
		return;
	}
	if (ts->off_kind == OFF_NESTED) {
		nested_ends(ts, off_ns);
		return;
	}
	if (ts->cur.unit == LS_UNIT_NONE)
		return;
	span_touch(ts);
	ready_ns = ready_part_ns(ts, cause, off_ns, now_ns);
	if (ts->is_late_wait)
		ts->cur.late_ns = now_ns - ts->cur.start_ns;
	off_ns -= ready_ns;
	block_end(ts, off_ns);
	barrier_var(cause);
	if (cause < LS_CAUSE_MAX)
		ts->cur.cause_ns[cause] += off_ns;
	if (ready_ns >= THROTTLE_LOOK_NS)
		quota_ns = throttle_book(ts, ready_ns);
	ts->cur.cause_ns[LS_CAUSE_THROTTLED] += quota_ns;
	ts->cur.cause_ns[LS_CAUSE_RUNQUEUE] += ready_ns - quota_ns;
	cpu_wait_settle(ts, task, now_ns, ready_ns - quota_ns);
	ts->cur.off_ns += off_ns + ready_ns;
	if (has_holder(ts, cause))
		holder_book(ts, task, cause, off_ns);
	site_end(ts, task, index, off_ns);
}

/* Total run delay of the thread, 0 if the kernel does not account it. */
LS_INLINE __u64 run_delay_ns(struct task_struct *task)
{
	return bpf_core_field_exists(task->sched_info.run_delay) ? task->sched_info.run_delay : 0;
}

/* Adds the steal time of the current thread to its span. */
int thread_book_steal(struct thread_state *ts, __u64 now_ns);
/* The current thread is recorded as off the CPU: its switch-in was not reported. */
int thread_return_unseen(struct thread_state *ts, __u64 now_ns);

/* Read the steal counter at most this often; steal slices are longer. */
#define STEAL_LOOK_NS 20000

/*
 * Brings the off-CPU account of the current thread up to date. Global functions do what is rare, so
 * that the verifier checks them once.
 */
LS_INLINE void thread_settle(struct thread_state *ts, __u64 now_ns)
{
	if (ts->off_at_ns)
		thread_return_unseen(ts, now_ns);
	else if (now_ns - ts->steal_at_ns >= STEAL_LOOK_NS)
		thread_book_steal(ts, now_ns);
}

/* Copies the thread's totals to the map that user space reads. */
LS_INLINE void thread_flush(struct thread_state *ts, __u64 now_ns)
{
	__u64 key = ((__u64)ts->tgid << 32) | ts->tid;

	ts->flushed_at_ns = now_ns;
	ts->stats.at_ns = now_ns;
	if (bpf_map_update_elem(&thread_stats, &key, &ts->stats, BPF_ANY))
		count_loss(LS_LOSS_THREAD_MAP);
}

#define FLUSH_EVERY_NS 20000000

LS_INLINE void thread_flush_if_due(struct thread_state *ts, __u64 now_ns)
{
	if (now_ns - ts->flushed_at_ns >= FLUSH_EVERY_NS)
		thread_flush(ts, now_ns);
}

#endif
