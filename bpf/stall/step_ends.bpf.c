// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See step_ends.h.
 */
#include "stall/step_ends.h"

#include "core/maps.h"
#include "python/awaits.h"
#include "python/objects.h"

enum task_state { TASK_PENDING, TASK_CANCELLED, TASK_FINISHED };

LS_SUBPROG int step_from_read(struct thread_state *ts, __u64 coro, __u64 now_ns)
{
	if (!ts)
		return 0;
	ts->walks_ns = (ts->walks_ns > now_ns ? ts->walks_ns : now_ns) + WALK_PRICE_NS;
	awaits_read(ts, coro);
	ts->cur.from = ts->await;
	return 0;
}

/* How a C task is left: it says itself how it ended. */
static __always_inline __u32 task_left(struct thread_state *ts)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	__u32 size = py->task_bytes & 0xff;

	barrier_var(size);
	if (read_user(ts->object, size & 0xff, ts->cur.task)) {
		count_loss(LS_LOSS_TASK_UNREADABLE);
		return LS_AWAIT_UNKNOWN;
	}
	switch ((__u32)object_word(ts, py->task_state)) {
	case TASK_PENDING:
		return object_word(ts, py->task_coro) == ts->cur.coro ? LS_AWAIT_SUSPENDED :
									LS_AWAIT_UNKNOWN;
	case TASK_CANCELLED:
		return LS_AWAIT_CANCELLED;
	case TASK_FINISHED:
		return object_word(ts, py->task_exception) ? LS_AWAIT_RAISED : LS_AWAIT_RETURNED;
	default:
		return LS_AWAIT_UNKNOWN;
	}
}

LS_SUBPROG int step_to_read(struct thread_state *ts)
{
	__u32 state;

	if (!ts || !ts->cur.code)
		return 0;
	ts->to_span = ts->cur.number;
	/* Of a task written in Python only its coroutine is known, which does not say how it ended.
	 */
	state = ts->cur.is_python ? LS_AWAIT_SUSPENDED : task_left(ts);
	ts->to.frame.code = ts->cur.code;
	ts->to.frame.position = 0;
	ts->to.state = state;
	if (state != LS_AWAIT_SUSPENDED)
		return 0;
	awaits_read(ts, ts->cur.coro);
	ts->to = ts->await;
	if (ts->to.state != LS_AWAIT_SUSPENDED)
		ts->to.state = LS_AWAIT_UNKNOWN;
	return 0;
}
