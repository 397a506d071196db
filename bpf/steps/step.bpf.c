// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What steps need seldom: the thread's state, a loop not seen before, steps that do not end.
 */
#include "core/maps.h"
#include "python/frames.h"
#include "python/objects.h"
#include "python/threads.h"
#include "stall/turn.h"
#include "steps/step.h"

/*
 * The GIL names its holder, which is the thread that runs a step. Without a GIL the interpreter's
 * list is searched, newest first.
 */
LS_SUBPROG int thread_find_tstate(struct thread_state *ts, __u64 key)
{
	if (!ts)
		return 0;
	ts->tstate = 0;
	if (ts->proc.py.is_free_threaded)
		ts->tstate = thread_find(ts, key, KEY_OF_THREAD);
	else if (ts->proc.py.gil)
		ts->tstate = read_ptr(ts->proc.py.gil + ts->proc.py.at.gil_last_holder);
	if (ts->tstate && !is_tstate_of(ts, ts->tstate, key))
		ts->tstate = 0;
	return 0;
}

/* Makes user space look for the queues of a loop. */
static __always_inline void loop_announce(const struct thread_state *ts, __u64 loop, __u64 key,
					  __u64 now_ns)
{
	struct ls_rec_thread *rec = bpf_ringbuf_reserve(&ring, sizeof(*rec), 0);

	if (!rec) {
		count_loss(LS_LOSS_RING_OTHER);
		return;
	}
	record_header(&rec->hdr, LS_REC_THREAD, sizeof(*rec), now_ns, ts);
	rec->loop = loop;
	rec->tstate = ts->tstate;
	rec->thread_pointer = key;
	bpf_ringbuf_submit(rec, 0);
}

/*
 * A loop not seen on this thread before. The address of a loop with tasks written in Python is not
 * known (0): its thread state stands for it.
 */
LS_SUBPROG int thread_enter_loop(struct thread_state *ts, __u64 loop, __u64 now_ns)
{
	__u64 key = current_thread_key();

	if (!ts)
		return 0;
	ts->epoll_fd = -1;
	ts->loop_frame = 0;
	ts->mark = (struct loop_mark){};
	ts->host.announced = 0;
	ts->arrivals.queue = 0;
	ts->arrivals.seen = 0;
	ts->turn.made.to = 0;
	ts->turn.making.to = 0;
	/* The time between two loops belongs to no turn. */
	turn_begin(ts, now_ns);
	thread_find_tstate(ts, key);
	if (!loop)
		loop = ts->tstate;
	ts->loop = loop;
	if (!ts->tstate)
		count_loss(LS_LOSS_STACK_NO_THREAD);
	loop_announce(ts, loop, key, now_ns);
	return 0;
}

LS_SUBPROG int inner_loop_enter(struct thread_state *ts, __u64 loop, __u64 now_ns)
{
	if (!ts)
		return 0;
	if (!ts->host.loop) {
		ts->host.loop = ts->loop;
		ts->host.queue = ts->arrivals.queue;
		ts->host.depth = ts->depth - 1;
	}
	ts->loop = loop;
	ts->arrivals.queue = 0;
	ts->cur.arrived = ARRIVED_UNKNOWN;
	if (loop != ts->host.announced)
		loop_announce(ts, loop, current_thread_key(), now_ns);
	ts->host.announced = loop;
	return 0;
}

LS_SUBPROG int steps_abandon(struct thread_state *ts, __u64 sp)
{
	__u32 i;

	if (!ts)
		return 0;
	for (i = 0; i < LS_MAX_NEST && ts->depth && ts->cur.sp < sp; i++) {
		count_loss(LS_LOSS_STEP_ABANDONED);
		span_pop(ts);
	}
	return 0;
}

LS_SUBPROG int step_nest(struct thread_state *ts, __u64 sp)
{
	__u32 i, depth;

	if (!ts)
		return 0;
	/*
	 * A step whose frame lies at or below this stack pointer cannot be running any more: its
	 * stack was switched away and dropped.
	 */
	for (i = 0; i < LS_MAX_NEST && ts->cur.unit == LS_UNIT_STEP && ts->cur.sp <= sp; i++) {
		count_loss(LS_LOSS_STEP_ABANDONED);
		if (ts->depth)
			span_pop(ts);
		else
			ts->cur.unit = LS_UNIT_NONE;
	}
	if (ts->cur.unit != LS_UNIT_STEP)
		return 0;
	depth = ts->depth;
	barrier_var(depth);
	if (depth >= LS_MAX_NEST) {
		count_loss(LS_LOSS_STEP_TOO_DEEP);
		return -1;
	}
	ts->outer[depth] = ts->cur;
	ts->depth = depth + 1;
	return 0;
}

/*
 * Copies the process configuration again: the interpreter may have been starting, or without
 * asyncio, when it was attached to.
 */
LS_SUBPROG int thread_refresh(struct thread_state *ts)
{
	struct ls_proc *proc;
	__u32 tgid;

	if (!ts)
		return 0;
	/* Linux 6.1 does not accept a map key in an argument of a global function. */
	tgid = ts->tgid;
	proc = bpf_map_lookup_elem(&procs, &tgid);
	if (proc &&
	    (proc->py.gil != ts->proc.py.gil || proc->py.wakeup_call != ts->proc.py.wakeup_call)) {
		ts->proc = *proc;
		/* Makes the step that begins enter its loop again. */
		ts->loop = 0;
		ts->turn_steps = 0;
	}
	return 0;
}
