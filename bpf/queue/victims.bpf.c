// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * docs/measuring.md says which tasks count as victims and how sure the starved time is.
 */
#include "queue/victims.h"

#include "core/maps.h"
#include "core/span.h"
#include "python/coroutines.h"
#include "queue/arrivals.h"
#include "queue/queue.h"

/*
 * Where the task is in the list since an earlier collection; MAX_WAITERS: nowhere. A function of
 * its own: the verifier would go on from each place that it may return.
 */
LS_SUBPROG __u32 waiter_find(struct thread_state *ts, __u64 task)
{
	__u32 i;

	if (!ts)
		return MAX_WAITERS;
	for (i = 0; i < MAX_WAITERS && i < ts->waiters.n; i++)
		if (ts->waiters.list[i].task == task)
			return i;
	return MAX_WAITERS;
}

static __always_inline int is_waiter(struct thread_state *ts, __u64 task)
{
	return waiter_find(ts, task) < MAX_WAITERS;
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

/* Since when a task of the list waits; ~0: it is not in it, or that is not known. */
static __always_inline __u64 waiter_since_ns(struct thread_state *ts, __u64 task)
{
	__u32 i;

	if (ts->waiters.span != ts->cur.number)
		return ~0ULL;
	i = waiter_find(ts, task);
	return i < MAX_WAITERS ? ts->waiters.list[i].since_ns : ~0ULL;
}

static __always_inline __u64 waited_ns(const struct thread_state *ts, __u64 since_ns)
{
	if (since_ns < ts->victims.start_ns)
		since_ns = ts->victims.start_ns;
	return since_ns < ts->victims.end_ns ? ts->victims.end_ns - since_ns : 0;
}

/*
 * The loop was woken and could not run. What its sockets brought was there, but only now shows
 * which tasks that makes ready: as many of them waited for the loop as sockets had unread data.
 */
static __always_inline __u64 late_ns(struct thread_state *ts)
{
	if (!ts->cur.is_touched || ts->victims.is_turn || !ts->cur.late_ns || !ts->victims.sockets)
		return 0;
	ts->victims.sockets--;
	return ts->cur.late_ns;
}

LS_SUBPROG __u64 queued_ns(struct thread_state *ts, __u64 task, __u32 position)
{
	__u64 number, since_ns, seen_ns = 0, late;

	if (!ts)
		return 0;
	number = ts->queue.taken + 1 + position - ts->queue.n_left;
	if (position != POSITION_UNKNOWN) {
		if (!ts->victims.is_turn && ts->cur.arrived != ARRIVED_UNKNOWN &&
		    number <= ts->cur.arrived)
			return waited_ns(ts, 0);
		seen_ns = arrival_ns(ts, number);
	}
	since_ns = ts->victims.is_turn || ts->victims.is_collecting ? ~0ULL :
								      waiter_since_ns(ts, task);
	if (since_ns != ~0ULL)
		return waited_ns(ts, since_ns);
	late = late_ns(ts);
	since_ns = seen_ns ? waited_ns(ts, seen_ns) : 0;
	return late > since_ns ? late : since_ns;
}

/* Its record, as long as names are wanted. `stats`: of its coroutine, NULL: not known. */
static __always_inline void victim_send(struct thread_state *ts, __u64 task, __u32 is_python,
					__u64 starved_ns, const struct known_code *known,
					const struct ls_coro_stats *stats)
{
	struct ls_rec_victim *rec;

	if (ts->victims.named >= LS_MAX_VICTIM_NAMES)
		return;
	rec = bpf_ringbuf_reserve(&ring, sizeof(*rec), 0);
	if (!rec) {
		count_loss(LS_LOSS_RING_VICTIM);
		return;
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
}

LS_SUBPROG int victim_add(struct thread_state *ts, __u64 task, __u32 kind, __u64 starved_ns)
{
	const __u32 is_python = kind & VICTIM_PYTHON;
	const struct known_code *known;
	struct ls_coro_stats *stats;
	__u32 index;

	if (!ts)
		return 0;
	if (ts->victims.is_collecting) {
		ts->victims.n++;
		waiter_add(ts, task, is_python, starved_ns);
		return 0;
	}
	known = coroutine_known(ts, victim_coro(ts, task, is_python));
	index = known->index;
	stats = bpf_map_lookup_elem(&coroutine_stats, &index);
	if (ts->victims.is_turn && (kind & VICTIM_QUEUED) && stats &&
	    stats->turn == ts->turn.number)
		return 0;
	if (ts->victims.is_turn && !(kind & VICTIM_COLLECTED) && is_waiter(ts, task))
		return 0;
	ts->victims.n++;
	victim_count_wait(ts, starved_ns);
	if (stats) {
		stats->suffered_ns += starved_ns;
		stats->suffered++;
	} else {
		count_loss(LS_LOSS_COROUTINE_MAP);
	}
	victim_send(ts, task, is_python, starved_ns, known, stats);
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
 * it. Its tasks name their owner. Where none is at hand, the last one that was looked at did.
 */
static __always_inline int is_known_owner(struct thread_state *ts, __u64 task)
{
	const struct ls_pytasks *tasks = &ts->victims.tasks;

	if (ts->loop != ts->tstate)
		return 1;
	if (ts->victims.is_turn || ts->victims.is_collecting)
		return ts->is_owner_known;
	return task && pytask_value(ts, tasks, task, tasks->owned_by) == tasks->owner;
}

/* The task whose step ends a callback's span; `task` if it is written in Python. */
static __always_inline void victim_add_entering(struct thread_state *ts, __u64 task, __u64 entering)
{
	__u32 is_python = entering == ts->caller.coro;

	if (!is_python)
		task = entering;
	if (task && ts->victims.tasks.is_queued_bare)
		victim_add(ts, task, VICTIM_PYTHON, batched_ns(ts, task));
	else if (task)
		victim_add_queued(ts, task, is_python, 0, 0);
	ts->victims.entering = task;
}

/* The queues that the entering task was taken from give its number. */
static __always_inline void queue_open(struct thread_state *ts, const struct ls_loop *loop,
				       __u32 n_left)
{
	struct deque deque;

	ts->queue.n_left = n_left;
	ts->queue.taken = deque_read(ts, loop->py.ready, &deque) ? 0 : deque_taken(&deque);
}

LS_SUBPROG int turn_collect(struct thread_state *ts, __u32 n, __u64 now_ns)
{
	struct ls_loop *loop;

	if (!ts)
		return 0;
	ts->waiters.span = 0;
	ts->waiters.turn = ts->turn.number;
	ts->waiters.n = 0;
	loop = loop_of(ts);
	if (!loop || !queue_is_known(loop) || queue_kind(loop) == QUEUE_TRIO)
		return 0;
	victims_reset(ts, now_ns, VICTIMS_COLLECTED);
	ts->victims.start_ns = 0;
	ts->victims.current = 0;
	ts->victims.tasks = loop->py.tasks;
	asyncio_visit_fired(ts, loop->py.ready, n);
	return 0;
}

/* bpf_loop() callback: one of those who waited when the turn began. */
static long turn_waiter_add(__u32 i, struct queue_context *context)
{
	struct thread_state *ts = context->ts;
	const struct waiter *w;

	barrier_var(i);
	if (!ts || i >= MAX_WAITERS)
		return 1;
	w = &ts->waiters.list[i];
	/* Another task at the same address has another coroutine. */
	if (victim_coro(ts, w->task, w->is_python) == w->coro)
		victim_add(ts, w->task, w->is_python | VICTIM_QUEUED | VICTIM_COLLECTED,
			   waited_ns(ts, w->since_ns));
	return 0;
}

static __always_inline void turn_waiters_add(struct thread_state *ts)
{
	struct queue_context context = { .ts = ts };

	if (!ts->waiters.span && ts->waiters.turn == ts->turn.number)
		bpf_loop(ts->waiters.n, turn_waiter_add, &context, 0);
	else
		ts->waiters.n = 0;
}

/* Where the waiting began, and who is at it. */
static __always_inline void victims_begin(struct thread_state *ts, __u64 end_ns, __u32 unit,
					  __u32 use)
{
	victims_reset(ts, end_ns, use);
	if (unit == LS_UNIT_TURN) {
		ts->victims.is_turn = 1;
		ts->victims.start_ns = ts->turn_start_ns + ts->turn_stalls_ns;
	} else if (ts->cur.is_wake && ts->waiters.sockets_span == ts->cur.number) {
		ts->victims.sockets = ts->waiters.sockets;
	}
	ts->victims.current = ts->cur.task;
}

LS_SUBPROG int victims_report(struct thread_state *ts, __u64 end_ns, __u32 unit, __u64 entering,
			      __u32 use)
{
	/* What a span of exact mode collects may never become a stall. */
	const __u32 is_counted = use != VICTIMS_COLLECTED || (ts && ts->cur.is_light);
	struct ls_loop *loop;
	__u64 task = 0;

	if (!ts)
		return 0;
	victims_begin(ts, end_ns, unit, use);
	loop = loop_of(ts);
	if (loop) {
		ts->victims.tasks = loop->py.tasks;
		task = pytask_at_hand(ts, entering);
		if (task && ts->cur.unit == LS_UNIT_STEP)
			ts->victims.current = task;
	}
	if (!loop || !queue_is_known(loop) || !is_known_owner(ts, task)) {
		/* There is none if nothing but the poll is known of the loop. */
		if (is_counted && (!loop || !loop->py.runner))
			count_loss(LS_LOSS_VICTIM_NO_QUEUE);
		ts->victims.flags = LS_STALL_VICTIMS_UNKNOWN;
		return 0;
	}
	queue_open(ts, loop, !!entering);
	/*
	 * libuv takes a timer out of its heap, and uvloop gets the GIL then: what woke the loop is
	 * in no queue. At least one such thing was due.
	 */
	if (queue_kind(loop) == QUEUE_LIBUV && ts->cur.is_wake && !ts->victims.sockets)
		ts->victims.sockets = 1;
	if (entering)
		victim_add_entering(ts, task, entering);
	if (ts->victims.is_turn)
		turn_waiters_add(ts);
	queue_visit(ts, loop);
	if (is_counted && (ts->victims.flags & LS_STALL_VICTIMS_CUT))
		count_loss(LS_LOSS_VICTIM_CUT);
	return 0;
}
