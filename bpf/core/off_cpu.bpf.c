// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See off_cpu.h.
 */
#include "core/off_cpu.h"

LS_SUBPROG int thread_book_steal(struct thread_state *ts, __u64 now_ns)
{
	if (ts)
		steal_book(ts, bpf_get_current_task_btf(), now_ns);
	return 0;
}

#define QUOTA_NONE (~0ULL)
#define QUOTA_LEVELS 8 /* of cgroups */

/* Any cgroup above may have the quota: the nearest one that has one is taken. */
static __always_inline void quota_find(struct thread_state *ts, struct cfs_rq *cfs_rq)
{
	struct task_group *tg = BPF_CORE_READ(cfs_rq, tg);
	__u64 quota_ns;
	__u32 i;

	for (i = 0; i < QUOTA_LEVELS && tg; i++) {
		quota_ns = BPF_CORE_READ(tg, cfs_bandwidth.quota);
		if (quota_ns != QUOTA_NONE) {
			ts->cur.quota_ns = quota_ns;
			ts->cur.period_ns = BPF_CORE_READ(tg, cfs_bandwidth.period);
			return;
		}
		tg = BPF_CORE_READ(tg, parent);
	}
}

LS_SUBPROG __u64 throttle_book(struct thread_state *ts, __u64 ready_ns)
{
	struct cfs_rq *cfs_rq;
	__u64 sum_ns;

	if (!ts || !ts->cfs_rq)
		return 0;
	cfs_rq = (struct cfs_rq *)ts->cfs_rq;
	sum_ns = throttled_ns(cfs_rq);
	if (sum_ns <= ts->throttled_ns)
		return 0;
	if (bpf_core_field_exists(struct cfs_bandwidth, quota))
		quota_find(ts, cfs_rq);
	sum_ns -= ts->throttled_ns;
	return sum_ns < ready_ns ? sum_ns : ready_ns;
}

/*
 * When the current thread came to its CPU, if that was not reported. The scheduler accounts it by
 * the run queue's clock; where it does not, the wake-up plus the run delay is the best estimate.
 */
static __always_inline __u64 return_ns(struct thread_state *ts, struct task_struct *task,
				       __u64 now_ns)
{
	__u64 waited_ns = run_delay_ns(task) - ts->run_delay_ns, at_ns = 0;

	if (bpf_core_field_exists(task->sched_info.last_arrival) && ts->rq_offset_ns)
		at_ns = task->sched_info.last_arrival + ts->rq_offset_ns;
	if (at_ns > ts->off_at_ns && at_ns < now_ns) {
		/* The wake-up may be missing as well. */
		if (!ts->woken_at_ns)
			ts->woken_at_ns = at_ns - waited_ns;
		return at_ns;
	}
	at_ns = ts->off_cause == LS_CAUSE_RUNQUEUE ? ts->off_at_ns : ts->woken_at_ns;
	return at_ns && at_ns + waited_ns < now_ns ? at_ns + waited_ns : now_ns;
}

/*
 * A kernel may report nothing while certain threads run (docs/internals.md), so not the switch from
 * such a thread to ours either.
 */
LS_SUBPROG int thread_return_unseen(struct thread_state *ts, __u64 now_ns)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!ts)
		return 0;
	returns_are_unseen = 1;
	count_loss(LS_LOSS_RETURN_UNSEEN);
	thread_returns(ts, task, return_ns(ts, task, now_ns));
	return 0;
}

LS_SUBPROG int idle_stop_end(struct thread_state *ts, __u64 now_ns)
{
	__u64 woken_ns = now_ns, from_ns;
	struct idle_wait *wait;

	if (!ts)
		return 0;
	wait = &ts->wait;
	from_ns = wait->stopped_at_ns;
	if (ts->woken_at_ns > from_ns && ts->woken_at_ns < now_ns)
		woken_ns = ts->woken_at_ns;
	if (wait->due_ns > from_ns)
		from_ns = wait->due_ns;
	wait->stopped_at_ns = 0;
	if (!wait->due_ns || from_ns >= woken_ns)
		return 0;
	if (!wait->from_ns)
		wait->from_ns = from_ns;
	wait->stopped_ns += woken_ns - from_ns;
	wait->ready_ns += now_ns - woken_ns;
	return 0;
}

LS_SUBPROG int late_book(struct thread_state *ts, __u64 ready_ns)
{
	__u64 quota_ns = 0, stopped_ns = 0;

	if (!ts)
		return 0;
	span_touch(ts);
	if (ts->wait.from_ns) {
		stopped_ns = ts->wait.stopped_ns;
		ts->cur.stop = ts->wait.stop;
		ts->cur.stop_id = ts->wait.stop_id;
		ts->wait.from_ns = 0;
	}
	if (ready_ns >= THROTTLE_LOOK_NS)
		quota_ns = throttle_book(ts, ready_ns);
	ts->cur.cause_ns[LS_CAUSE_THROTTLED] += quota_ns;
	ts->cur.cause_ns[LS_CAUSE_RUNQUEUE] += ready_ns - quota_ns;
	ts->cur.cause_ns[LS_CAUSE_STOPPED] += stopped_ns;
	ts->cur.off_ns += ready_ns + stopped_ns;
	ts->cur.late_ns = ready_ns + stopped_ns;
	return 0;
}

LS_SUBPROG __u64 light_wake(struct thread_state *ts, __u64 now_ns)
{
	__u64 from_ns, collected;

	if (!ts || !ts->wait.from_ns || ts->cur.unit != LS_UNIT_NONE)
		return 0;
	from_ns = ts->wait.from_ns;
	collected = ts->cur.number;
	span_open_callbacks(ts, from_ns);
	ts->cur.is_light = 1;
	ts->cur.is_wake = 1;
	if (ts->waiters.span == collected)
		ts->waiters.span = ts->cur.number;
	late_book(ts, ts->wait.ready_ns);
	return now_ns - from_ns;
}
