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
LS_INLINE int thread_sample(struct thread_state *ts)
{
	__u64 now_ns, elapsed_ns, on_cpu_ns, frame;
	struct ls_rec_stack *rec;
	__u32 n, len;

	if (!ts || ts->is_busy)
		return 0;
	now_ns = bpf_ktime_get_ns();
	thread_settle(ts, bpf_get_current_task_btf(), now_ns);
	if (is_light(ts)) {
		light_update(ts, now_ns);
		light_sample(ts);
		waiters_collect(ts, now_ns);
	}
	thread_flush_if_due(ts, now_ns);
	if (ts->cur.unit == LS_UNIT_NONE)
		return 0;
	elapsed_ns = now_ns - ts->cur.start_ns;
	if (elapsed_ns < settings.sample_after_ns)
		return 0;
	span_touch(ts);
	victims_first_look(ts, now_ns);
	frame = frame_top(ts);
	if (!frame) {
		frame_count_missing(ts);
		return 0;
	}
	if (!sample_is_told(now_ns)) {
		count_loss(LS_LOSS_SAMPLE_SHED);
		return 0;
	}
	on_cpu_ns = elapsed_ns - ts->cur.nested_ns - ts->cur.off_ns;
	rec = &ts->sample;
	frames_walk(ts, rec, frame, frame_last(ts));
	if (rec->flags & LS_STACK_OUTSIDE)
		return 0;
	n = rec->n_frames;
	barrier_var(n);
	if (n > LS_MAX_FRAMES)
		n = LS_MAX_FRAMES;
	len = __builtin_offsetof(struct ls_rec_stack, frames) + n * sizeof(struct ls_frame);
	record_header(&rec->hdr, LS_REC_STACK, len, now_ns, ts);
	rec->span = ts->cur.number;
	rec->weight_ns = on_cpu_ns > ts->cur.sampled_ns ? on_cpu_ns - ts->cur.sampled_ns : 0;
	rec->native_ip = 0;
	rec->count = 1;
	rec->cause = LS_CAUSE_CPU;
	rec->syscall = LS_NO_SYSCALL;
	rec->pad = 0;
	ts->cur.sampled_ns = on_cpu_ns;
	ts->cur.samples++;
	if (bpf_ringbuf_output(&ring, rec, len, BPF_RB_NO_WAKEUP))
		count_loss(LS_LOSS_RING_STACK);
	return 0;
}

#endif
