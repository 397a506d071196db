// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See makers.h.
 */
#include "queue/makers.h"

#include "core/maps.h"
#include "queue/containers.h"
#include "queue/queue.h"

/*
 * The last but one handle of the queue: what a step makes ready when it ends is the last one. 0 if
 * it cannot be read.
 */
static __always_inline __u64 late_handle(struct thread_state *ts)
{
	if (deque_open_end(ts, ts->arrivals.queue))
		return 0;
	deque_previous(ts);
	return deque_previous(ts);
}

LS_SUBPROG int maker_look(struct thread_state *ts)
{
	struct maker *making;
	struct ls_coro_stats *stats;
	struct ls_loop *loop;
	struct deque deque;
	__u64 n, handle;

	if (!ts || deque_read(ts, ts->arrivals.queue, &deque))
		return 0;
	making = &ts->turn.making;
	n = deque_arrived(&deque);
	if (n - ts->cur.arrived < MAKER_MIN_TASKS || n < ts->cur.arrived ||
	    (making->to && n - ts->cur.arrived <= making->to - making->from))
		return 0;
	making->span = ts->cur.number;
	making->from = ts->cur.arrived;
	making->to = n;
	making->code = ts->cur.code;
	making->origin = LS_MAKER_UNKNOWN;
	stats = span_stats(ts);
	making->qualname = stats ? stats->qualname : 0;
	loop = loop_of(ts);
	handle = late_handle(ts);
	if (loop && handle && queue_is_known(loop)) {
		ts->victims.tasks = loop->py.tasks;
		making->origin = entry_is_new(ts, loop, handle) ? LS_MAKER_CREATED : LS_MAKER_WOKE;
	}
	return 0;
}

LS_SUBPROG __u32 maker_share(struct thread_state *ts)
{
	const struct maker *made;
	struct ls_loop *loop;
	struct deque deque;
	__u64 from, to;

	if (!ts || !ts->turn.made.to)
		return 0;
	made = &ts->turn.made;
	from = made->from;
	to = made->to;
	loop = loop_of(ts);
	if (loop && queue_kind(loop) != QUEUE_TRIO) {
		if (!ts->turn.from || deque_read(ts, ts->arrivals.queue, &deque))
			return 0;
		if (from < ts->turn.from - 1)
			from = ts->turn.from - 1;
		if (to > deque_taken(&deque))
			to = deque_taken(&deque);
	}
	if (to <= from)
		return 0;
	return to - from < ts->turn_steps ? to - from : ts->turn_steps;
}
