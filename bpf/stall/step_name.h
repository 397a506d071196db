/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Reads the task of a step and its name into ts->look while the step runs. When the record is sent,
 * the task may be gone: in light mode, after a change of mode within the step, at the end of the
 * process.
 */
#ifndef LOOPSTALL_BPF_STEP_NAME_H
#define LOOPSTALL_BPF_STEP_NAME_H

#include "core/kernel.h"
#include "core/port.h"
#include "core/state.h"

/* Reads them for the current span, a step that still runs; if it fails, the next call may not. */
int step_name_read(struct thread_state *ts);

LS_INLINE int step_name_is_known(const struct thread_state *ts)
{
	return ts->look.named_span == ts->cur.number;
}

/* In exact mode: once in each step that blocks or is sampled. */
LS_INLINE void step_name_remember(struct thread_state *ts)
{
	if (ts->cur.unit == LS_UNIT_STEP && !step_name_is_known(ts))
		step_name_read(ts);
}

#endif
