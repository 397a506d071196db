// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * docs/measuring.md says which tasks count as victims and how sure the starved time is.
 */
#include "queue/victims.h"

#include "core/maps.h"
#include "core/span.h"
#include "python/coroutines.h"
#include "queue/queue.h"

/* Is the task in the list since an earlier collection? */
static __always_inline int is_waiter(const struct thread_state *ts, __u64 task)
{
	__u32 i;

	for (i = 0; i < MAX_WAITERS && i < ts->waiters.n; i++)
		if (ts->waiters.list[i].task == task)
			return 1;
	return 0;
}

/*
 * `starved_ns` ends at ts->victims.end_ns, which lies ahead, so it gives the time since when the
 * task waits. A task of an earlier collection still waits even if this one does not find it: a span
 * may just have ended, with the loop moving sleepers to its queue.
 */
static __always_inline void waiter_add(struct thread_state *ts, __u64 task, __u32 is_python,
				       __u64 starved_ns)
{
	__u32 n = ts->waiters.n;
	__u64 since_ns = ts->victims.end_ns - starved_ns;

	if (is_waiter(ts, task))
		return;
	barrier_var(n);
	if (n >= MAX_WAITERS) {
		ts->victims.flags = LS_STALL_VICTIMS_CUT;
		return;
	}
	ts->waiters.list[n].task = task;
	ts->waiters.list[n].coro = victim_coro(ts, task, is_python);
	ts->waiters.list[n].is_python = is_python;
	ts->waiters.list[n].since_ns = starved_ns ? since_ns : ~0ULL;
	ts->waiters.n = n + 1;
}

LS_SUBPROG int victim_add(struct thread_state *ts, __u64 task, __u32 is_python, __u64 starved_ns)
{
	const struct known_code *known;
	struct ls_coro_stats *stats;
	struct ls_rec_victim *rec;
	__u32 index;

	if (!ts)
		return 0;
	ts->victims.n++;
	if (ts->victims.is_collecting) {
		waiter_add(ts, task, is_python, starved_ns);
		return 0;
	}
	ts->victims.starved_ns += starved_ns;
	known = coroutine_known(ts, victim_coro(ts, task, is_python));
	index = known->index;
	stats = bpf_map_lookup_elem(&coroutine_stats, &index);
	if (stats) {
		stats->suffered_ns += starved_ns;
		stats->suffered++;
	} else {
		count_loss(LS_LOSS_COROUTINE_MAP);
	}
	if (ts->victims.named >= LS_MAX_VICTIM_NAMES)
		return 0;
	rec = bpf_ringbuf_reserve(&ring, sizeof(*rec), 0);
	if (!rec) {
		count_loss(LS_LOSS_RING_VICTIM);
		return 0;
	}
	__builtin_memset(rec, 0, sizeof(*rec));
	record_header(&rec->hdr, LS_REC_VICTIM, sizeof(*rec), ts->victims.end_ns, ts);
	rec->span = ts->cur.number;
	rec->task = task;
	if (stats && known->is_coroutine) {
		rec->code = known->code;
		rec->qualname = stats->qualname;
	}
	rec->starved_ns = starved_ns;
	pystr_read(&ts->proc.py.at, &rec->name, victim_name(ts, task, is_python));
	bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
	ts->victims.named++;
	return 0;
}

/*
 * The task written in Python that the span runs, or whose step ends a callback span; 0 if there is
 * none or it cannot be found.
 */
static __always_inline __u64 pytask_at_hand(struct thread_state *ts, __u64 entering)
{
	if (ts->cur.unit == LS_UNIT_STEP)
		return ts->cur.is_python ?
			pytask_of_frame(ts, &ts->victims.tasks, ts->cur.frame, ts->cur.coro) :
			0;
	return entering == ts->caller.coro ?
		pytask_of_frame(ts, &ts->victims.tasks, ts->caller.frame, ts->caller.coro) :
		0;
}

/*
 * A thread that is known by its thread state may run another loop than the one that was found on
 * it. Its tasks name their owner.
 */
static __always_inline int is_known_owner(struct thread_state *ts, __u64 task)
{
	const struct ls_pytasks *tasks = &ts->victims.tasks;

	return ts->loop != ts->tstate ||
		(task && pytask_value(ts, tasks, task, tasks->owned_by) == tasks->owner);
}

/* The task whose step ends a callback's span; `task` if it is written in Python. */
static __always_inline void victim_add_entering(struct thread_state *ts, __u64 task, __u64 entering)
{
	__u32 is_python = entering == ts->caller.coro;

	if (!is_python)
		task = entering;
	if (task)
		victim_add_queued(ts, task, is_python, 0);
}

LS_SUBPROG int victims_report(struct thread_state *ts, __u64 end_ns, __u64 entering, __u32 use)
{
	struct ls_loop *loop;
	__u64 task = 0;

	if (!ts)
		return 0;
	victims_reset(ts, end_ns, use);
	ts->victims.current = ts->cur.task;
	loop = loop_of(ts);
	if (loop) {
		ts->victims.tasks = loop->py.tasks;
		task = pytask_at_hand(ts, entering);
		if (task && ts->cur.unit == LS_UNIT_STEP)
			ts->victims.current = task;
	}
	if (!loop || !queue_is_known(loop) || !is_known_owner(ts, task)) {
		/* There is none if nothing but the poll is known of the loop. */
		if (!loop || !loop->py.runner)
			count_loss(LS_LOSS_VICTIM_NO_QUEUE);
		ts->victims.flags = LS_STALL_VICTIMS_UNKNOWN;
		return 0;
	}
	if (entering)
		victim_add_entering(ts, task, entering);
	queue_visit(ts, loop, !!entering);
	if (ts->victims.flags & LS_STALL_VICTIMS_CUT)
		count_loss(LS_LOSS_VICTIM_CUT);
	return 0;
}
