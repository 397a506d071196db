// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Functions of pytasks.h with many callers, as global functions: the verifier checks them once.
 */
#include "core/maps.h"
#include "python/pytasks.h"

LS_SUBPROG __u64 pytask_value(struct thread_state *ts, const struct ls_pytasks *tasks, __u64 task,
			      __u32 attribute)
{
	return ts && tasks ? pytask_attribute(&ts->proc.py.at, tasks, task, attribute) : 0;
}

LS_SUBPROG __u64 pytask_of_frame(struct thread_state *ts, const struct ls_pytasks *tasks,
				 __u64 frame, __u64 coro)
{
	return ts && tasks ? pytask_resumed(&ts->proc.py.at, tasks, frame, coro) : 0;
}
