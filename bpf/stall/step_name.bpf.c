// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See step_name.h.
 */
#include "stall/step_name.h"

#include "core/maps.h"
#include "core/span.h"
#include "python/objects.h"
#include "queue/victims.h"

/* The task of the current span, 0 if it is not found. Prepares victim_name(). */
static __always_inline __u64 task_at_hand(struct thread_state *ts)
{
	struct ls_loop *loop;

	if (!ts->cur.is_python)
		return ts->cur.task;
	loop = loop_of(ts);
	if (!loop)
		return 0;
	ts->victims.tasks = loop->py.tasks;
	return pytask_of_frame(ts, &ts->victims.tasks, ts->cur.frame, ts->cur.coro);
}

LS_SUBPROG int step_name_read(struct thread_state *ts)
{
	__u64 task;

	if (!ts)
		return 0;
	task = task_at_hand(ts);
	if (!task)
		return 0;
	/* Clears what pystr_read() does not set, because the record is checked. */
	__builtin_memset(&ts->look.name, 0, sizeof(ts->look.name));
	pystr_read(&ts->proc.py.at, &ts->look.name, victim_name(ts, task, ts->cur.is_python));
	ts->look.named_task = task;
	ts->look.named_span = ts->cur.number;
	return 0;
}
