// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See trio.h. All of trio's tasks are written in Python.
 */
#include "queue/trio.h"

#include "core/maps.h"
#include "python/objects.h"
#include "python/pytasks.h"
#include "queue/asyncio.h"
#include "queue/containers.h"
#include "queue/victims.h"

/* bpf_loop() callback: the i-th task of the queue. */
static long visit_task(__u32 i, struct queue_context *context)
{
	struct thread_state *ts = context->ts;
	__u64 task;

	if (!ts)
		return 1;
	task = deque_next(ts);
	if (!task)
		return 1;
	if (task != ts->victims.current)
		victim_add_queued(ts, task, 1, i + ts->queue.n_left, trio_task_is_new(ts, task));
	return 0;
}

LS_SUBPROG int trio_visit_ready(struct thread_state *ts, __u64 ready)
{
	struct queue_context context = { .ts = ts };

	if (!ts)
		return 0;
	bpf_loop(deque_open(ts, ready), visit_task, &context, 0);
	return 0;
}

/*
 * bpf_loop() callback: trio takes all tasks out of its queue at once, at the beginning of a turn;
 * the i-th of those that still wait.
 */
static long visit_batched(__u32 i, struct queue_context *context)
{
	struct thread_state *ts = context->ts;
	__u64 task;

	if (!ts)
		return 1;
	task = read_ptr(ts->queue.items + 8 * i);
	if (!task)
		return 1;
	victim_add(ts, task, VICTIM_PYTHON, batched_ns(ts, task));
	return 0;
}

/* bpf_loop() callback: the i-th slot of the set of tasks that wait in a scope. */
static long visit_slot(__u32 i, struct queue_context *context)
{
	struct thread_state *ts = context->ts;
	const struct ls_pytasks *tasks;
	__u64 slot, task;

	if (!ts)
		return 1;
	tasks = &ts->victims.tasks;
	slot = ts->queue.slots + SET_SLOT_BYTES * i;
	task = read_ptr(slot);
	/* A removed member leaves a marker, with the hash -1. */
	if (!task || read_ptr(slot + 8) == ~0ULL || task == ts->victims.current ||
	    task == ts->victims.entering ||
	    pytask_value(ts, tasks, task, tasks->next_send) != tasks->none)
		return 0;
	victim_add_sleeper(ts, task, 1, ts->queue.deadline_ns);
	return 0;
}

/*
 * The tasks that wait in a scope since its deadline, at `when_ns`. Those in scopes inside it, or in
 * a large one, are not looked at.
 */
static __always_inline void visit_scope(struct thread_state *ts, __u64 status, __u64 when_ns)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	const struct ls_pytasks *tasks = &ts->victims.tasks;
	__u64 set = read_ptr(status + tasks->status_tasks),
	      children = read_ptr(status + tasks->status_children);
	struct queue_context context = { .ts = ts };

	if (!set)
		return;
	if ((children && read_ptr(children + py->ob_head + SET_USED)) ||
	    read_ptr(set + py->ob_head + SET_MASK) >= SET_SMALL)
		ts->victims.flags = LS_STALL_VICTIMS_CUT;
	ts->queue.slots = read_ptr(set + py->ob_head + SET_TABLE);
	ts->queue.deadline_ns = when_ns;
	bpf_loop(SET_SMALL, visit_slot, &context, 0);
}

/*
 * A scope whose deadline was changed and changed back has several entries in the heap, all with its
 * deadline.
 */
static __always_inline int scope_is_first(struct thread_state *ts, __u64 scope)
{
	__u32 n = ts->queue.n_scopes, i;

	for (i = 0; i < MAX_DUE_SCOPES && i < n; i++)
		if (ts->queue.scopes[i] == scope)
			return 0;
	barrier_var(n);
	if (n >= MAX_DUE_SCOPES) {
		ts->victims.flags = LS_STALL_VICTIMS_CUT;
		return 0;
	}
	ts->queue.scopes[n] = scope;
	ts->queue.n_scopes = n + 1;
	return 1;
}

/*
 * bpf_loop() callback: the i-th entry of the heap of deadlines, (deadline, number, scope). A scope
 * that was left, or moved, stays in it.
 */
static long visit_deadline(__u32 i, struct queue_context *context)
{
	struct thread_state *ts = context->ts;
	__u64 entry, deadline, when_ns, scope, status;
	const struct ls_pytasks *tasks;

	if (!ts)
		return 1;
	tasks = &ts->victims.tasks;
	entry = read_ptr(ts->queue.items + 8 * i);
	if (!entry)
		return 1;
	deadline =
		read_ptr(read_ptr(entry + ts->proc.py.at.tuple_items) + ts->proc.py.at.float_value);
	when_ns = seconds_bits_to_ns(deadline);
	if (when_ns <= tasks->clock_offset_ns ||
	    when_ns - tasks->clock_offset_ns >= ts->victims.end_ns)
		return 0;
	scope = read_ptr(entry + ts->proc.py.at.tuple_items + 16);
	if (!scope ||
	    read_ptr(read_ptr(scope + tasks->scope_deadline) + ts->proc.py.at.float_value) !=
		    deadline)
		return 0;
	status = read_ptr(scope + tasks->scope_status);
	if (status && status != tasks->none && scope_is_first(ts, scope))
		visit_scope(ts, status, when_ns - tasks->clock_offset_ns);
	return 0;
}

LS_SUBPROG int trio_visit_others(struct thread_state *ts)
{
	struct queue_context context = { .ts = ts };
	__u64 list;

	if (!ts)
		return 0;
	list = pytask_batch(ts, &ts->victims.tasks);
	if (list)
		bpf_loop(list_open(ts, list), visit_batched, &context, 0);
	ts->queue.n_scopes = 0;
	list = ts->victims.tasks.deadlines ? read_ptr(ts->victims.tasks.deadlines) : 0;
	if (list)
		bpf_loop(list_open(ts, list), visit_deadline, &context, 0);
	else
		ts->victims.flags = LS_STALL_VICTIMS_CUT;
	return 0;
}
