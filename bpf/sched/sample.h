/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Samples the stack of a span that lasts. Spans that began a moment ago are skipped.
 */
#ifndef LOOPSTALL_BPF_SAMPLE_H
#define LOOPSTALL_BPF_SAMPLE_H

#include "core/accounting.h"
#include "core/collection.h"
#include "core/maps.h"
#include "stall/codes.h"
#include "stall/native.h"
#include "stall/report_budget.h"
#include "python/collector.h"
#include "python/frames.h"
#include "python/gil.h"
#include "light/light.h"
#include "light/waiters.h"
#include "core/off_cpu.h"
#include "core/span.h"
#include "queue/queue.h"
#include "sched/loop_end.h"
#include "stall/step_name.h"

/* Takes one sample of the current thread, which `ts` belongs to. */
LS_INLINE void thread_sample(struct thread_state *ts)
{
	__u64 now_ns, elapsed_ns, on_cpu_ns, frame;
	__u32 is_collecting = 0;
	struct thread_stacks *stacks;
	struct ls_rec_stack *rec;

	if (ts->is_busy)
		return;
	now_ns = bpf_ktime_get_ns();
	thread_settle(ts, now_ns);
	if (light_looks(ts)) {
		light_update(ts, now_ns);
		light_sample(ts);
		light_book(ts, now_ns);
		waiters_collect(ts, now_ns);
	}
	thread_flush_if_due(ts, now_ns);
	if (loop_has_ended(ts))
		loop_end(ts, now_ns);
	if (ts->cur.unit == LS_UNIT_NONE)
		return;
	if (ts->proc.py.gc_collecting) {
		is_collecting = is_collector(ts);
		collection_look(ts, now_ns, is_collecting,
				is_collecting ? collected_generation(ts) : 0);
	}
	elapsed_ns = now_ns - ts->cur.start_ns;
	if (elapsed_ns < settings.sample_after_ns)
		return;
	span_touch(ts);
	gil_look(ts);
	accounting_read(ts);
	queue_first_look(ts, now_ns);
	step_name_remember(ts);
	frame = frame_top(ts);
	if (!frame) {
		frame_count_missing(ts);
		return;
	}
	if (!sample_is_sent(now_ns)) {
		count_loss(LS_LOSS_SAMPLE_SHED);
		return;
	}
	stacks = stacks_of(bpf_get_current_task_btf());
	if (!stacks)
		return;
	on_cpu_ns = elapsed_ns - ts->cur.nested_ns - ts->cur.off_ns;
	rec = &stacks->sample;
	frames_walk(ts, rec, frame, frame_last(ts));
	if (rec->flags & LS_STACK_OUTSIDE)
		return;
	rec->span = ts->cur.number;
	rec->weight_ns = on_cpu_ns > ts->cur.sampled_ns ? on_cpu_ns - ts->cur.sampled_ns : 0;
	rec->native_ip = 0;
	rec->count = 1;
	rec->cause = is_collecting ? LS_CAUSE_GC : LS_CAUSE_CPU;
	rec->syscall = LS_NO_SYSCALL;
	rec->pad = 0;
	ts->cur.sampled_ns = on_cpu_ns;
	ts->cur.samples++;
	stack_send_named(ts, rec, now_ns);
	native_sample(ts, rec, elapsed_ns, now_ns);
}

#endif
