// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * A span of at least the threshold has ended: its stacks, its victims and its record go to user space. Who had to
 * wait is read from the loop's queues at this moment; docs/measuring.md says what counts as a victim and how sure
 * the starved time is.
 */
#include "maps.h"
#include "budget.h"
#include "coroutines.h"
#include "objects.h"
#include "pytasks.h"
#include "sockets.h"
#include "spans.h"
#include "victims.h"

#define DEQUE_BLOCK_ITEMS 64 /* cpython: Modules/_collectionsmodule.c */
/* libuv 1.x: include/uv.h and include/uv/unix.h; the heap's node lies inside the timer */
#define UV_TIMER_NODE 104
#define UV_TIMER_TIMEOUT 128
#define UV_HEAP_LEVELS 7 /* enough for LS_MAX_TIMERS nodes */

/* What a bpf_loop() callback gets: all that changes from turn to turn is in ts->scan, where the verifier expects any value. */
struct scan_context {
	struct thread_state *ts;
};

/* Is the task on the list by an earlier collection? */
static __always_inline int is_waiter(const struct thread_state *ts, __u64 task)
{
	__u32 i;

	for (i = 0; i < MAX_WAITERS && i < ts->waiters.n; i++)
		if (ts->waiters.list[i].task == task)
			return 1;
	return 0;
}

/*
 * A time that a queued task has waited or will have at the end of the scan, which lies ahead, tells since when that is. Who waited at an earlier
 * collection still does, also where this one does not find it: a span may just have ended, and the loop be moving sleepers to its queue.
 */
static __always_inline void waiter_add(struct thread_state *ts, __u64 task, __u64 starved_ns)
{
	__u32 n = ts->waiters.n;
	__u64 since_ns = ts->scan.end_ns - starved_ns;

	if (is_waiter(ts, task))
		return;
	barrier_var(n);
	if (n >= MAX_WAITERS) {
		ts->scan.flags = LS_STALL_VICTIMS_CUT;
		return;
	}
	ts->waiters.list[n].task = task;
	ts->waiters.list[n].coro = victim_attribute(ts, task, ts->scan.tasks.coro, ts->proc.py.task_coro);
	ts->waiters.list[n].is_python = ts->scan.is_python;
	ts->waiters.list[n].since_ns = starved_ns ? since_ns : ~0ULL;
	ts->waiters.n = n + 1;
}

/* Books the wait on the task's coroutine too, whether or not the task is named. */
LS_SUBPROG int victim_add(struct thread_state *ts, __u64 task, __u64 starved_ns)
{
	const struct known_code *known;
	struct ls_coro_stats *stats;
	struct victim_scan *scan;
	struct ls_rec_victim *rec;
	__u32 index;

	if (!ts)
		return 0;
	scan = &ts->scan;
	scan->victims++;
	if (scan->is_collecting) {
		waiter_add(ts, task, starved_ns);
		return 0;
	}
	scan->starved_ns += starved_ns;
	known = coroutine_known(ts, victim_attribute(ts, task, scan->tasks.coro, ts->proc.py.task_coro));
	index = known->index;
	stats = bpf_map_lookup_elem(&coroutine_stats, &index);
	if (stats) {
		stats->suffered_ns += starved_ns;
		stats->suffered++;
	} else {
		count_loss(LS_LOSS_COROUTINE_MAP);
	}
	if (scan->named >= LS_MAX_VICTIM_NAMES)
		return 0;
	rec = bpf_ringbuf_reserve(&ring, sizeof(*rec), 0);
	if (!rec) {
		count_loss(LS_LOSS_RING_VICTIM);
		return 0;
	}
	__builtin_memset(rec, 0, sizeof(*rec));
	record_header(&rec->hdr, LS_REC_VICTIM, sizeof(*rec), scan->end_ns, ts);
	rec->span = ts->cur.number;
	rec->task = task;
	if (stats && known->is_coroutine) {
		rec->code = known->code;
		rec->qualname = stats->qualname;
	}
	rec->starved_ns = starved_ns;
	pystr_read(&ts->proc.py, &rec->name, victim_attribute(ts, task, scan->tasks.name, ts->proc.py.task_name));
	bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
	scan->named++;
	return 0;
}

/* The task a callback will step, of either kind; 0 if it is some other callback. */
static __always_inline __u64 task_of(struct thread_state *ts, __u64 callback)
{
	__u64 task = callback_task(&ts->proc, callback);

	ts->scan.is_python = 0;
	if (!task) {
		task = method_task(&ts->proc.py, &ts->scan.tasks, callback);
		ts->scan.is_python = !!task;
	}
	return task;
}

/*
 * The task that sleeps on a timer, from the timer's arguments. asyncio.sleep() has it set a future, the first of them, and the task waits
 * for that. A timer that is due moves from the heap to the ready queue before it fires.
 */
static __always_inline __u64 sleeper_task(struct thread_state *ts, __u64 arguments)
{
	__u64 future = arguments ? read_ptr(arguments + ts->proc.py.tuple_items) : 0;

	return future ? task_of(ts, read_ptr(future + ts->proc.py.task_callback0)) : 0;
}

/*
 * A handle that was in the queue at our first look, as the `position`-th, waited through the whole span; of a later one
 * only its end is sure.
 */
static __always_inline void victim_add_queued(struct thread_state *ts, __u64 task, __u32 position)
{
	victim_add(ts, task, position < ts->cur.ready ? ts->scan.end_ns - ts->cur.start_ns : 0);
}

/* bpf_loop() callback: the i-th handle of `_ready`; of trio the i-th task. */
static long victim_of_ready(__u32 i, struct scan_context *context)
{
	struct thread_state *ts = context->ts;
	struct victim_scan *scan;
	__u64 handle, task;

	if (!ts)
		return 1;
	scan = &ts->scan;
	if (scan->index >= DEQUE_BLOCK_ITEMS) {
		scan->block = read_ptr(scan->block + ts->proc.py.deque_block_next);
		scan->index = 0;
	}
	handle = read_ptr(scan->block + ts->proc.py.deque_block_data + 8 * scan->index);
	scan->index++;
	if (!handle) {
		count_loss(LS_LOSS_VICTIM_UNREADABLE);
		return 1;
	}
	if (scan->tasks.is_queued_bare) {
		scan->is_python = 1;
		task = handle;
	} else {
		task = task_of(ts, read_ptr(handle + scan->handle_callback));
		if (!task)
			task = sleeper_task(ts, read_ptr(handle + ts->proc.py.handle_args));
	}
	if (task && task != scan->current)
		victim_add_queued(ts, task, i + !!scan->entering);
	return 0;
}

/* A sleeping task whose time came at `when_ns`, before the stall ended. */
static __always_inline void victim_add_sleeper(struct thread_state *ts, __u64 task, __u64 when_ns)
{
	if (!task)
		return;
	if (when_ns < ts->cur.start_ns)
		when_ns = ts->cur.start_ns;
	victim_add(ts, task, ts->scan.end_ns - when_ns);
}

/* bpf_loop() callback: the i-th entry of the timer heap; a sleeping task whose time has come is a victim. */
static long victim_of_timer(__u32 i, struct scan_context *context)
{
	struct thread_state *ts = context->ts;
	struct victim_scan *scan;
	__u64 handle, when_ns;

	if (!ts)
		return 1;
	scan = &ts->scan;
	handle = read_ptr(scan->items + 8 * i);
	if (!handle)
		return 1;
	when_ns = seconds_bits_to_ns(read_ptr(read_ptr(handle + ts->proc.py.timer_when) +
					      ts->proc.py.float_value));
	if (!when_ns || when_ns >= scan->end_ns)
		return 0;
	victim_add_sleeper(ts, sleeper_task(ts, read_ptr(handle + ts->proc.py.handle_args)), when_ns);
	return 0;
}

/*
 * bpf_loop() callback: the i-th node of libuv's timer heap, a complete binary tree: the bits of i + 1 behind the highest
 * one are the way from the root. Its clock is CLOCK_MONOTONIC in whole milliseconds.
 */
static long victim_of_uv_timer(__u32 i, struct scan_context *context)
{
	struct thread_state *ts = context->ts;
	__u64 node, when_ns, timer, handle;
	struct victim_scan *scan;
	__s32 bit;

	if (!ts)
		return 1;
	scan = &ts->scan;
	node = scan->items;
	i++;
	for (bit = UV_HEAP_LEVELS - 1; bit >= 0; bit--)
		if (i >> (bit + 1))
			node = read_ptr(node + ((i >> bit) & 1 ? 8 : 0));
	when_ns = read_ptr(node - UV_TIMER_NODE + UV_TIMER_TIMEOUT) * 1000000;
	if (!node || !when_ns || when_ns >= scan->end_ns)
		return 0;
	timer = read_ptr(node - UV_TIMER_NODE);
	handle = timer ? read_ptr(timer + scan->uv_timer_context) : 0;
	if (handle)
		victim_add_sleeper(ts, sleeper_task(ts, read_ptr(handle + scan->uv_timer_args)), when_ns);
	return 0;
}

/*
 * bpf_loop() callback: trio takes all tasks out of its queue at once; the i-th of those that still wait for their turn. They left it before
 * any step of theirs began.
 */
static long victim_of_batch(__u32 i, struct scan_context *context)
{
	struct thread_state *ts = context->ts;
	__u64 task;

	if (!ts)
		return 1;
	task = read_ptr(ts->scan.items + 8 * i);
	if (!task)
		return 1;
	ts->scan.is_python = 1;
	if (ts->cur.unit == LS_UNIT_STEP)
		victim_add(ts, task, ts->scan.end_ns - ts->cur.start_ns);
	else
		victim_add_queued(ts, task, i + !!ts->scan.entering);
	return 0;
}

/* bpf_loop() callback: the i-th slot of the set of tasks that wait in a scope of trio's, since its deadline. */
static long victim_of_slot(__u32 i, struct scan_context *context)
{
	struct thread_state *ts = context->ts;
	__u64 slot, task;

	if (!ts)
		return 1;
	slot = ts->scan.set + 16 * i;
	task = read_ptr(slot);
	/* What left the set leaves a marker, with the hash -1. */
	if (!task || read_ptr(slot + 8) == ~0ULL || task == ts->scan.current ||
	    pytask_value(ts, task, ts->scan.tasks.next_send) != ts->scan.tasks.none)
		return 0;
	ts->scan.is_python = 1;
	victim_add_sleeper(ts, task, ts->scan.deadline_ns);
	return 0;
}

/* The tasks that wait in a scope of trio's since its deadline, at `when_ns`. Those in scopes inside it, or in a large one, are not looked at. */
static __always_inline void victims_of_scope(struct thread_state *ts, __u64 status, __u64 when_ns)
{
	const struct ls_pyoffsets *py = &ts->proc.py;
	const struct ls_pytasks *tasks = &ts->scan.tasks;
	__u64 set = read_ptr(status + tasks->status_tasks), children = read_ptr(status + tasks->status_children);
	struct scan_context context = { .ts = ts };

	if (!set)
		return;
	if ((children && read_ptr(children + py->ob_head + SET_USED)) || read_ptr(set + py->ob_head + SET_MASK) >= SET_SMALL)
		ts->scan.flags = LS_STALL_VICTIMS_CUT;
	ts->scan.set = read_ptr(set + py->ob_head + SET_TABLE);
	ts->scan.deadline_ns = when_ns;
	bpf_loop(SET_SMALL, victim_of_slot, &context, 0);
}

/* bpf_loop() callback: the i-th entry of trio's heap of deadlines, (deadline, number, scope). A scope that was left, or moved, stays in it. */
static long victim_of_deadline(__u32 i, struct scan_context *context)
{
	struct thread_state *ts = context->ts;
	__u64 entry, deadline, when_ns, scope, status;
	const struct ls_pytasks *tasks;

	if (!ts)
		return 1;
	tasks = &ts->scan.tasks;
	entry = read_ptr(ts->scan.items + 8 * i);
	if (!entry)
		return 1;
	deadline = read_ptr(read_ptr(entry + ts->proc.py.tuple_items) + ts->proc.py.float_value);
	when_ns = seconds_bits_to_ns(deadline);
	if (when_ns <= tasks->clock_offset_ns || when_ns - tasks->clock_offset_ns >= ts->scan.end_ns)
		return 0;
	scope = read_ptr(entry + ts->proc.py.tuple_items + 16);
	if (!scope || read_ptr(read_ptr(scope + tasks->scope_deadline) + ts->proc.py.float_value) != deadline)
		return 0;
	status = read_ptr(scope + tasks->scope_status);
	if (status)
		victims_of_scope(ts, status, when_ns - tasks->clock_offset_ns);
	return 0;
}

/* The array of a list, its length in *length; of one that is too long the first LS_MAX_TIMERS elements. */
static __always_inline __u64 list_open(struct thread_state *ts, __u64 list, __u64 *length)
{
	*length = read_ptr(list + ts->proc.py.ob_size);
	if (*length > LS_MAX_TIMERS) {
		*length = LS_MAX_TIMERS;
		ts->scan.flags = LS_STALL_VICTIMS_CUT;
	}
	return read_ptr(list + ts->proc.py.list_items);
}

/* The tasks of trio that are in no queue: taken out of it, or asleep. */
LS_SUBPROG int victims_of_trio(struct thread_state *ts)
{
	struct scan_context context = { .ts = ts };
	__u64 list, length;

	if (!ts)
		return 0;
	list = pytask_batch(ts, &ts->scan.tasks);
	if (list) {
		ts->scan.items = list_open(ts, list, &length);
		bpf_loop(length, victim_of_batch, &context, 0);
	}
	list = ts->scan.tasks.deadlines ? read_ptr(ts->scan.tasks.deadlines) : 0;
	if (list) {
		ts->scan.items = list_open(ts, list, &length);
		bpf_loop(length, victim_of_deadline, &context, 0);
	} else {
		ts->scan.flags = LS_STALL_VICTIMS_CUT;
	}
	return 0;
}

/* The task that is resumed, or whose step ends a callback's span, if it is written in Python and can be told; else 0. */
static __always_inline __u64 pytask_at_hand(struct thread_state *ts)
{
	if (ts->cur.unit == LS_UNIT_STEP)
		return ts->cur.is_python ? pytask_of_frame(ts, ts->cur.frame, ts->cur.coro) : 0;
	return ts->scan.entering == ts->caller.coro ? pytask_of_frame(ts, ts->caller.frame, ts->caller.coro) : 0;
}

/* A thread that goes by its thread state may run another loop than the one that was found on it. Its tasks say whose they are. */
static __always_inline int is_known_owner(struct thread_state *ts, __u64 task)
{
	const struct ls_pytasks *tasks = &ts->scan.tasks;

	return ts->loop != ts->tstate ||
	       (task && pytask_value(ts, task, tasks->owned_by) == tasks->owner);
}

/* The task whose step ends a callback's span; `task` if it is written in Python. */
static __always_inline void victim_add_entering(struct thread_state *ts, __u64 task)
{
	ts->scan.is_python = ts->scan.entering == ts->caller.coro;
	if (!ts->scan.is_python)
		task = ts->scan.entering;
	if (task)
		victim_add_queued(ts, task, 0);
}

/*
 * Reports the victims of the span that ends now, by name if it `is_told`, and leaves their sums in ts->scan. Comes before the span's
 * own record is reserved: the ring keeps the order of reservations.
 */
LS_SUBPROG int victims_report(struct thread_state *ts, __u64 end_ns, __u32 is_told)
{
	struct scan_context context = { .ts = ts };
	struct victim_scan *scan;
	struct ls_loop *loop;
	__u64 length, task = 0;

	if (!ts)
		return 0;
	scan = &ts->scan;
	scan->starved_ns = 0;
	scan->victims = 0;
	scan->named = is_told ? 0 : LS_MAX_VICTIM_NAMES;
	scan->flags = 0;
	scan->end_ns = end_ns;
	scan->current = ts->cur.task;
	loop = loop_of(ts);
	if (loop) {
		scan->tasks = loop->tasks;
		task = pytask_at_hand(ts);
		if (task && ts->cur.unit == LS_UNIT_STEP)
			scan->current = task;
	}
	if (!loop || !loop->ready || (!loop->handle_callback && !loop->tasks.is_queued_bare) || !is_known_owner(ts, task)) {
		count_loss(LS_LOSS_VICTIM_NO_QUEUE);
		scan->flags = LS_STALL_VICTIMS_UNKNOWN;
		return 0;
	}
	scan->handle_callback = loop->handle_callback;
	scan->uv_timer_context = loop->uv_timer_context;
	scan->uv_timer_args = loop->uv_timer_args;
	length = read_ptr(loop->ready + ts->proc.py.ob_size);
	scan->block = read_ptr(loop->ready + ts->proc.py.deque_leftblock);
	scan->index = read_ptr(loop->ready + ts->proc.py.deque_leftindex);
	if (length > LS_MAX_READY) {
		length = LS_MAX_READY;
		scan->flags = LS_STALL_VICTIMS_CUT;
	}
	if (scan->entering)
		victim_add_entering(ts, task);
	bpf_loop(length, victim_of_ready, &context, 0);
	if (scan->tasks.is_queued_bare) {
		victims_of_trio(ts);
	} else if (loop->scheduled) {
		scan->items = list_open(ts, loop->scheduled, &length);
		bpf_loop(length, victim_of_timer, &context, 0);
	} else if (loop->uv_timers) {
		length = (__u32)read_ptr(loop->uv_timers + 8);
		scan->items = read_ptr(loop->uv_timers);
		if (length > LS_MAX_TIMERS) {
			length = LS_MAX_TIMERS;
			scan->flags = LS_STALL_VICTIMS_CUT;
		}
		bpf_loop(length, victim_of_uv_timer, &context, 0);
	}
	if (scan->flags & LS_STALL_VICTIMS_CUT)
		count_loss(LS_LOSS_VICTIM_CUT);
	return 0;
}

/* Hands over the stacks of the span's blocking calls. */
static __always_inline void span_send_sites(struct thread_state *ts, __u64 now_ns)
{
	__u32 i;

	for (i = 0; i < LS_MAX_SITES; i++) {
		struct ls_rec_stack *rec = &ts->sites[i].rec;

		if (rec->span != ts->cur.number || !rec->weight_ns)
			continue;
		stack_send(ts, rec, now_ns);
	}
}

/* In a storm of stalls one wake-up serves them all. */
#define TELL_EVERY_NS 5000000

/*
 * User space takes the record at once, while the process, which may be about to end, can still be asked for names. The ring would not
 * wake it by itself: stacks lie before the record that nobody was told of.
 */
static __always_inline __u64 stall_wakeup(struct thread_state *ts, __u64 now_ns)
{
	if (now_ns - ts->told_at_ns < TELL_EVERY_NS)
		return 0;
	ts->told_at_ns = now_ns;
	return BPF_RB_FORCE_WAKEUP;
}

/* The record of the span itself, behind those of its stacks and victims. */
LS_SUBPROG int stall_send(struct thread_state *ts, __u64 now_ns, __u64 duration_ns, __u32 unit)
{
	struct ls_coro_stats *stats;
	struct ls_rec_stall *rec;
	__u64 off_ns = 0;
	__u32 i;

	if (!ts)
		return 0;
	rec = bpf_ringbuf_reserve(&ring, sizeof(*rec), 0);
	if (!rec) {
		count_loss(LS_LOSS_RING_STALL);
		return 0;
	}
	__builtin_memset(rec, 0, sizeof(*rec));
	record_header(&rec->hdr, LS_REC_STALL, sizeof(*rec), now_ns, ts);
	rec->span = ts->cur.number;
	rec->unit = unit;
	rec->loop = ts->loop;
	rec->name.kind = 0xff;
	if (unit == LS_UNIT_TURN) {
		rec->start_ns = ts->turn_start_ns;
		rec->steps = ts->turn_steps;
		if (ts->turn_is_touched) {
			for (i = 0; i < LS_CAUSE_MAX; i++)
				rec->cause_ns[i] = ts->turn_cause_ns[i];
			rec->stolen_ns = ts->turn_stolen_ns;
		}
	} else {
		rec->start_ns = ts->cur.start_ns;
		rec->task = ts->cur.task;
		rec->coro = ts->cur.coro;
		rec->code = ts->cur.code;
		stats = span_stats(ts);
		if (stats)
			rec->qualname = stats->qualname;
		rec->victims = ts->scan.victims;
		rec->starved_ns = ts->scan.starved_ns;
		rec->sockets = ts->scan.sockets;
		rec->flags = ts->scan.flags | (ts->cur.is_light ? LS_STALL_LIGHT : 0);
		if (ts->cur.is_touched) {
			for (i = 0; i < LS_CAUSE_MAX; i++)
				rec->cause_ns[i] = ts->cur.cause_ns[i];
			rec->gil_holder_tstate = ts->cur.gil_holder_tstate;
			rec->gil_holder_id = ts->cur.gil_holder_id;
			rec->samples = ts->cur.samples;
			rec->stolen_ns = ts->cur.stolen_ns;
		}
	}
	for (i = 0; i < LS_CAUSE_MAX; i++)
		off_ns += rec->cause_ns[i];
	/* A wait that was booked a moment too late could exceed the span; the split must add up all the same. */
	if (off_ns > duration_ns) {
		duration_ns = off_ns;
		if (rec->start_ns + duration_ns > now_ns)
			rec->start_ns = now_ns - duration_ns;
	}
	rec->duration_ns = duration_ns;
	rec->cause_ns[LS_CAUSE_CPU] = rec->duration_ns - off_ns;
	if (unit == LS_UNIT_STEP && ts->cur.is_light) {
		rec->name = ts->look.name;
	} else if (unit == LS_UNIT_STEP && !ts->cur.is_python) {
		pystr_read(&ts->proc.py, &rec->name, read_ptr(ts->cur.task + ts->proc.py.task_name));
	} else if (unit == LS_UNIT_STEP && ts->scan.current != ts->cur.task) {
		rec->task = ts->scan.current;
		pystr_read(&ts->proc.py, &rec->name, pytask_value(ts, ts->scan.current, ts->scan.tasks.name));
	}
	bpf_ringbuf_submit(rec, stall_wakeup(ts, now_ns));
	return 0;
}

/* Counts the stall and sends the stacks of its blocking calls, if it is told at all, which is returned. */
LS_SUBPROG __u32 stall_begin(struct thread_state *ts, __u64 now_ns, __u64 duration_ns, __u32 unit)
{
	__u32 is_told;

	if (!ts)
		return 0;
	is_told = stall_is_told(unit == LS_UNIT_STEP ? span_stats(ts) : NULL, duration_ns, now_ns);
	ts->stats.stalls++;
	ts->turn_has_stall = 1;
	if (unit != LS_UNIT_TURN && is_told && ts->cur.is_touched)
		span_send_sites(ts, now_ns);
	return is_told;
}

LS_SUBPROG __u64 span_send_stall(struct thread_state *ts, __u64 now_ns, __u64 duration_ns, __u32 unit)
{
	__u64 starved_ns = 0;
	__u32 is_told;

	if (!ts)
		return 0;
	is_told = stall_begin(ts, now_ns, duration_ns, unit);
	if (unit != LS_UNIT_TURN) {
		victims_report(ts, now_ns, is_told);
		starved_ns = ts->scan.starved_ns;
	}
	if (unit == LS_UNIT_CALLBACK)
		ts->stats.callbacks_starved_ns += starved_ns;
	if (!is_told) {
		count_loss(LS_LOSS_STALL_SHED);
		return starved_ns;
	}
	if (unit != LS_UNIT_TURN)
		sockets_count(ts);
	stall_send(ts, now_ns, duration_ns, unit);
	return starved_ns;
}

LS_SUBPROG __u64 light_send_stall(struct thread_state *ts, __u64 end_ns, __u64 duration_ns)
{
	__u32 is_told;

	if (!ts)
		return 0;
	is_told = stall_begin(ts, end_ns, duration_ns, ts->cur.unit);
	waiters_send(ts, end_ns, is_told);
	if (ts->cur.unit == LS_UNIT_CALLBACK)
		ts->stats.callbacks_starved_ns += ts->scan.starved_ns;
	if (is_told)
		stall_send(ts, end_ns, duration_ns, ts->cur.unit);
	else
		count_loss(LS_LOSS_STALL_SHED);
	return ts->scan.starved_ns;
}
