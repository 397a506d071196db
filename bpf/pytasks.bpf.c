// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The functions of pytasks.h that many places call, as programs of their own to the verifier: it looks at them once.
 */
#include "maps.h"
#include "victims.h"

LS_SUBPROG __u64 pytask_value(struct thread_state *ts, __u64 task, __u32 attribute)
{
	return ts ? pytask_attribute(&ts->proc.py, &ts->scan.tasks, task, attribute) : 0;
}

LS_SUBPROG __u64 pytask_of_frame(struct thread_state *ts, __u64 frame, __u64 coro)
{
	return ts ? pytask_resumed(&ts->proc.py, &ts->scan.tasks, frame, coro) : 0;
}
