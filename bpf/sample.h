/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Where does a long span compute? One that began a moment ago is left alone.
 */
#ifndef LOOPSTALL_BPF_SAMPLE_H
#define LOOPSTALL_BPF_SAMPLE_H

#include "maps.h"
#include "budget.h"
#include "frames.h"
#include "light.h"
#include "spans.h"

/* One sample of the current thread, whose state this is. */
LS_INLINE void thread_sample(struct thread_state *ts)
{
	__u64 now_ns, elapsed_ns, on_cpu_ns, frame;
	struct ls_rec_stack *rec;

	if (ts->is_busy)
		return;
	now_ns = bpf_ktime_get_ns();
	thread_settle(ts, now_ns);
	if (is_light(ts)) {
		light_update(ts, now_ns);
		light_sample(ts);
		waiters_collect(ts, now_ns);
	}
	thread_flush_if_due(ts, now_ns);
	if (ts->cur.unit == LS_UNIT_NONE)
		return;
	elapsed_ns = now_ns - ts->cur.start_ns;
	if (elapsed_ns < settings.sample_after_ns)
		return;
	span_touch(ts);
	victims_first_look(ts, now_ns);
	frame = frame_top(ts);
	if (!frame) {
		frame_count_missing(ts);
		return;
	}
	if (!sample_is_told(now_ns)) {
		count_loss(LS_LOSS_SAMPLE_SHED);
		return;
	}
	on_cpu_ns = elapsed_ns - ts->cur.nested_ns - ts->cur.off_ns;
	rec = &ts->sample;
	frames_walk(ts, rec, frame, frame_last(ts));
	if (rec->flags & LS_STACK_OUTSIDE)
		return;
	rec->span = ts->cur.number;
	rec->weight_ns = on_cpu_ns > ts->cur.sampled_ns ? on_cpu_ns - ts->cur.sampled_ns : 0;
	rec->native_ip = 0;
	rec->count = 1;
	rec->cause = LS_CAUSE_CPU;
	rec->syscall = LS_NO_SYSCALL;
	rec->pad = 0;
	ts->cur.sampled_ns = on_cpu_ns;
	ts->cur.samples++;
	stack_send(ts, rec, now_ns);
}

#endif
