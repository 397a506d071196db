/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The state machine of a loop thread: spans open and close, their off-CPU time is booked by cause, a span of at
 * least the threshold becomes a record. Steps nest; the stretch between two steps is a callback span.
 */
#ifndef LOOPSTALL_BPF_SPANS_H
#define LOOPSTALL_BPF_SPANS_H

#include "light.h"
#include "maps.h"

#include <bpf/bpf_core_read.h>

/* Makes the slow half of the current span usable: it is left stale when a span opens, because most need none of it. */
LS_INLINE void span_touch(struct thread_state *ts)
{
	struct span *cur = &ts->cur;

	if (cur->is_touched)
		return;
	__builtin_memset(cur->cause_ns, 0, sizeof(cur->cause_ns));
	cur->off_ns = 0;
	cur->sampled_ns = 0;
	cur->gil_longest_ns = 0;
	cur->gil_holder_tstate = 0;
	cur->gil_holder_id = 0;
	cur->stolen_ns = 0;
	cur->ready_ns = 0;
	cur->ready = 0;
	cur->samples = 0;
	cur->is_touched = 1;
}

/* What the hypervisor took so far of the CPU this thread is on; 0 if this is no guest, or the kernel keeps no account. */
LS_INLINE __u64 steal_ns(struct task_struct *task)
{
	struct cfs_rq *cfs_rq;

	if (!bpf_core_field_exists(task->se.cfs_rq) || !bpf_core_field_exists(struct cfs_rq, rq) ||
	    !bpf_core_field_exists(struct rq, prev_steal_time_rq))
		return 0;
	cfs_rq = task->se.cfs_rq;
	return cfs_rq->rq->prev_steal_time_rq;
}

/*
 * A thread of a virtual machine may be on its CPU and yet not run, because the hypervisor runs something else: that is a wait for
 * a CPU like any other, only that it happens below the scheduler. What was taken since the last look, on the same CPU, is
 * booked to the current span. The kernel looks with every tick, and at once when the hypervisor lets it run again.
 */
LS_INLINE void steal_book(struct thread_state *ts, struct task_struct *task, __u64 now_ns)
{
	__u64 steal = steal_ns(task), taken_ns;
	__u32 cpu = bpf_get_smp_processor_id();

	taken_ns = ts->steal_cpu == cpu ? steal - ts->steal_ns : 0;
	if (taken_ns && ts->cur.unit != LS_UNIT_NONE && !ts->off_at_ns) {
		if (taken_ns > now_ns - ts->steal_at_ns)
			taken_ns = now_ns - ts->steal_at_ns;
		span_touch(ts);
		ts->cur.cause_ns[LS_CAUSE_RUNQUEUE] += taken_ns;
		ts->cur.off_ns += taken_ns;
		ts->cur.stolen_ns += taken_ns;
	}
	ts->steal_cpu = cpu;
	ts->steal_ns = steal;
	ts->steal_at_ns = now_ns;
}

/* The thread is back on a CPU: what was taken of that one before is not its. */
LS_INLINE void steal_begin(struct thread_state *ts, struct task_struct *task, __u64 now_ns)
{
	ts->steal_cpu = ~0;
	steal_book(ts, task, now_ns);
}

LS_INLINE struct ls_loop *loop_of(const struct thread_state *ts)
{
	struct ls_loop_key key = { .loop = ts->loop, .tgid = ts->tgid };

	return bpf_map_lookup_elem(&loops, &key);
}

/* Remembers how many handles wait, at the first chance inside a span. */
LS_INLINE void victims_first_look(struct thread_state *ts, __u64 now_ns)
{
	struct ls_loop *loop;
	__u64 length;

	if (ts->cur.ready_ns)
		return;
	loop = loop_of(ts);
	if (!loop || !loop->ready)
		return;
	ts->cur.ready_ns = now_ns;
	length = read_ptr(loop->ready + ts->proc.py.ob_size);
	ts->cur.ready = length < LS_MAX_READY ? length : LS_MAX_READY;
}

/* `hist` has LS_HIST_BUCKETS elements. */
LS_INLINE void hist_count(__u32 *hist, __u64 duration_ns)
{
	__u32 bucket = ls_hist_index(duration_ns);

	barrier_var(bucket);
	if (bucket < LS_HIST_BUCKETS)
		hist[bucket]++;
}

LS_INLINE struct ls_coro_stats *span_stats(const struct thread_state *ts)
{
	__u32 index = ts->cur.coroutine;

	return bpf_map_lookup_elem(&coroutine_stats, &index);
}

/* Adds the off-CPU time of the current span, which is touched, to its coroutine. */
LS_INLINE void coroutine_add_causes(struct ls_coro_stats *stats, const struct thread_state *ts)
{
	__u32 i;

	for (i = 0; i < LS_CAUSE_MAX; i++)
		stats->cause_ns[i] += ts->cur.cause_ns[i];
}

LS_INLINE void span_open(struct thread_state *ts, __u32 unit, __u64 now_ns)
{
	ts->cur.number = ++ts->last_number;
	ts->cur.start_ns = now_ns;
	ts->cur.nested_ns = 0;
	ts->cur.unit = unit;
	ts->cur.is_touched = 0;
	ts->cur.is_light = 0;
}

LS_INLINE void span_open_callbacks(struct thread_state *ts, __u64 now_ns)
{
	span_open(ts, LS_UNIT_CALLBACK, now_ns);
	ts->cur.sp = 0;
	ts->cur.task = 0;
	ts->cur.coro = 0;
	ts->cur.code = 0;
	ts->cur.coroutine = LS_MAX_COROUTINES;
}

/*
 * Counts the current span as a stall and sends its record, if there is budget for that. `duration_ns` is its own time, without nested
 * steps. `unit` may say turn: then the turn's sums are sent. Returns the time its victims waited (stall.bpf.c).
 */
__u64 span_send_stall(struct thread_state *ts, __u64 now_ns, __u64 duration_ns, __u32 unit);
/* The same for a span that was watched by looks. A way of its own, because the stack of all calls together is short. */
__u64 light_send_stall(struct thread_state *ts, __u64 end_ns, __u64 duration_ns);

/* Adds the off-CPU time of the ended span, its own without that of nested steps, to its turn and to the thread. */
int turn_add_waits(struct thread_state *ts);

LS_INLINE void turn_add_span(struct thread_state *ts)
{
	if (ts->cur.is_touched)
		turn_add_waits(ts);
}

/* How much of the turn its thread was ready to run and had no CPU. */
LS_INLINE __u64 turn_ready_ns(const struct thread_state *ts, __u64 duration_ns)
{
	__u64 ready_ns = ts->turn_is_touched ? ts->turn_cause_ns[LS_CAUSE_RUNQUEUE] : 0;

	return ready_ns < duration_ns ? ready_ns : duration_ns;
}

LS_INLINE void turn_end(struct thread_state *ts, __u64 now_ns)
{
	__u64 duration_ns = now_ns - ts->turn_start_ns, own_ns;

	if (!ts->turn_start_ns)
		return;
	ts->stats.turns++;
	if (duration_ns > ts->stats.worst_turn_ns)
		ts->stats.worst_turn_ns = duration_ns;
	own_ns = duration_ns - turn_ready_ns(ts, duration_ns);
	if (own_ns > ts->stats.worst_turn_own_ns)
		ts->stats.worst_turn_own_ns = own_ns;
	hist_count(ts->stats.turn_hist, duration_ns);
	if (!ts->turn_has_stall && duration_ns >= settings.threshold_ns)
		span_send_stall(ts, now_ns, duration_ns, LS_UNIT_TURN);
	ts->turn_start_ns = 0;
}

LS_INLINE void turn_begin(struct thread_state *ts, __u64 now_ns)
{
	ts->turn_start_ns = now_ns;
	ts->turn_steps = 0;
	ts->turn_has_stall = 0;
	ts->turn_is_touched = 0;
	ts->delegated = 0;
}

/* Ends the callback span, if one is open. `entering` is the task whose step ends it (or its coroutine), or 0. */
LS_INLINE void span_close_callbacks(struct thread_state *ts, __u64 now_ns, __u64 entering)
{
	__u64 duration_ns;

	if (ts->cur.unit != LS_UNIT_CALLBACK)
		return;
	duration_ns = now_ns - ts->cur.start_ns;
	ts->stats.callbacks_ns += duration_ns;
	if (duration_ns >= settings.threshold_ns) {
		ts->scan.entering = entering;
		span_send_stall(ts, now_ns, duration_ns, LS_UNIT_CALLBACK);
		ts->scan.entering = 0;
	}
	turn_add_span(ts);
	ts->cur.unit = LS_UNIT_NONE;
}

/* The thread is on a CPU again: books the time it was off. */
LS_INLINE void thread_returns(struct thread_state *ts, struct task_struct *task, __u64 now_ns)
{
	__u64 off_ns = now_ns - ts->off_at_ns, ready_ns = 0;
	__u32 cause = ts->off_cause, index = ts->off_site;

	ts->off_at_ns = 0;
	ts->on_at_ns = now_ns;
	steal_begin(ts, task, now_ns);
	if (ts->off_kind == OFF_IDLE) {
		if (!is_light(ts) && ts->proc.has_poll_spot)
			return;
		ts->stats.idle_ns += off_ns;
		ts->idle_at_ns = 0;
		if (is_light(ts))
			return;
		turn_begin(ts, now_ns);
		span_open_callbacks(ts, now_ns);
		return;
	}
	if (ts->off_kind == OFF_NESTED) {
		/* Neither the step's time nor that of the turn it is in. */
		ts->stats.idle_ns += off_ns;
		ts->cur.nested_ns += off_ns;
		if (ts->turn_start_ns)
			ts->turn_start_ns += off_ns;
		return;
	}
	if (ts->cur.unit == LS_UNIT_NONE)
		return;
	span_touch(ts);
	if (cause == LS_CAUSE_RUNQUEUE)
		ready_ns = off_ns;
	else if (ts->woken_at_ns && ts->woken_at_ns < now_ns)
		ready_ns = now_ns - ts->woken_at_ns;
	if (ready_ns > off_ns)
		ready_ns = off_ns;
	off_ns -= ready_ns;
	waiters_note_block(ts, off_ns);
	barrier_var(cause);
	if (cause < LS_CAUSE_MAX)
		ts->cur.cause_ns[cause] += off_ns;
	ts->cur.cause_ns[LS_CAUSE_RUNQUEUE] += ready_ns;
	ts->cur.off_ns += off_ns + ready_ns;
	if (cause == LS_CAUSE_GIL && off_ns > ts->cur.gil_longest_ns) {
		ts->cur.gil_longest_ns = off_ns;
		ts->cur.gil_holder_tstate = ts->gil_tstate;
		ts->cur.gil_holder_id = ts->gil_id;
	}
	barrier_var(index);
	if (index < LS_MAX_SITES) {
		ts->sites[index].rec.weight_ns += off_ns;
		ts->sites[index].rec.count++;
	}
}

/* How long this thread has waited for a CPU in its life, 0 if the kernel does not keep count. */
LS_INLINE __u64 run_delay_ns(struct task_struct *task)
{
	return bpf_core_field_exists(task->sched_info.run_delay) ? task->sched_info.run_delay : 0;
}

/* What the hypervisor takes at a time is longer than that, or too short to matter: so often its account is looked at, at most. */
#define STEAL_LOOK_NS 20000

/*
 * Some kernels do not report every switch to a thread (seen on 6.18 in a virtual machine: from the idle task of one
 * CPU, for seconds). Whoever finds the current thread off its CPU by its books settles them: it came back when it was woken, and
 * had waited for a CPU as long as the kernel's own count says. If it was here all the time, what the hypervisor took of it is
 * booked.
 */
LS_INLINE void thread_settle(struct thread_state *ts, __u64 now_ns)
{
	struct task_struct *task;
	__u64 back_ns;

	if (!ts->off_at_ns) {
		if (now_ns - ts->steal_at_ns >= STEAL_LOOK_NS)
			steal_book(ts, bpf_get_current_task_btf(), now_ns);
		return;
	}
	task = bpf_get_current_task_btf();
	count_loss(LS_LOSS_RETURN_UNSEEN);
	back_ns = ts->off_cause == LS_CAUSE_RUNQUEUE ? ts->off_at_ns : ts->woken_at_ns;
	if (back_ns)
		back_ns += run_delay_ns(task) - ts->run_delay_ns;
	thread_returns(ts, task, back_ns && back_ns < now_ns ? back_ns : now_ns);
}

/* Copies the thread's totals to where user space reads them. */
LS_INLINE void thread_flush(struct thread_state *ts, __u64 now_ns)
{
	__u64 key = ((__u64)ts->tgid << 32) | ts->tid;

	ts->flushed_at_ns = now_ns;
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
