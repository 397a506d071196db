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
#include "python/request.h"
#include "light/light.h"
#include "light/waiters.h"
#include "core/off_cpu.h"
#include "core/span.h"
#include "queue/arrivals.h"
#include "queue/callee.h"
#include "queue/makers.h"
#include "python/bare_loop.h"
#include "sched/loop_end.h"
#include "stall/step_name.h"
#include "stall/trace_context.h"

/*
 * Keeps the sample if the step has made many tasks ready since the last one: of those of its kind
 * the one with the most.
 */
LS_INLINE void maker_sample(struct thread_state *ts, struct thread_stacks *stacks, __u64 n_arrived)
{
	struct ls_rec_stack *kept = &stacks->makers[ts->turn.making.slot & 1];

	if (ts->cur.unit != LS_UNIT_STEP || n_arrived < MAKER_MIN_SEEN ||
	    (kept->span == ts->cur.number && kept->count >= n_arrived))
		return;
	bpf_probe_read_kernel(kept, sizeof(*kept), &stacks->sample);
	kept->weight_ns = 0;
	kept->count = n_arrived;
}

/* Brings the account of the current thread up to date. Returns 0 if it is in no span. */
LS_INLINE int sample_settle(struct thread_state *ts, __u64 now_ns)
{
	thread_settle(ts, now_ns);
	if (light_looks(ts)) {
		light_update(ts, now_ns);
		light_sample(ts);
		light_book(ts, now_ns);
		waiters_collect(ts, now_ns);
	}
	thread_flush_if_due(ts, now_ns);
	bare_loop_look(ts, now_ns);
	if (ts->bare_left_ns)
		return 0;
	if (loop_has_ended(ts))
		loop_end(ts, now_ns);
	return ts->cur.unit != LS_UNIT_NONE;
}

/* Does the thread collect garbage? */
LS_INLINE __u32 sample_collection(struct thread_state *ts, __u64 now_ns)
{
	__u32 is_collecting;

	if (!ts->proc.py.gc_collecting)
		return 0;
	is_collecting = is_collector(ts);
	collection_look(ts, now_ns, is_collecting, is_collecting ? collected_generation(ts) : 0);
	return is_collecting;
}

/* What the sample stands for: the time on the CPU since the last one. */
LS_INLINE void sample_weigh(struct thread_state *ts, struct ls_rec_stack *rec, __u64 elapsed_ns,
			    __u32 is_collecting)
{
	__u64 on_cpu_ns = elapsed_ns - ts->cur.nested_ns - ts->cur.off_ns;

	rec->span = ts->cur.number;
	rec->weight_ns = on_cpu_ns > ts->cur.sampled_ns ? on_cpu_ns - ts->cur.sampled_ns : 0;
	rec->native_ip = 0;
	rec->count = 1;
	rec->cause = is_collecting ? LS_CAUSE_GC : LS_CAUSE_CPU;
	rec->syscall = LS_NO_SYSCALL;
	rec->pad = 0;
	ts->cur.sampled_ns = on_cpu_ns;
	ts->cur.samples++;
}

/* Takes one sample of the current thread, which `ts` belongs to. */
LS_INLINE void thread_sample(struct thread_state *ts)
{
	__u64 now_ns, elapsed_ns, frame, n_arrived;
	struct thread_stacks *stacks;
	struct ls_rec_stack *rec;
	__u32 is_collecting;

	if (ts->is_busy)
		return;
	now_ns = bpf_ktime_get_ns();
	if (!sample_settle(ts, now_ns))
		return;
	is_collecting = sample_collection(ts, now_ns);
	elapsed_ns = now_ns - ts->cur.start_ns;
	if (elapsed_ns < settings.sample_after_ns)
		return;
	span_touch(ts);
	gil_look(ts);
	accounting_read(ts);
	trace_remember(ts, now_ns);
	n_arrived = arrivals_look(ts, now_ns);
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
	rec = &stacks->sample;
	callee_find(ts, frame);
	frames_walk(ts, rec, frame, frame_last(ts));
	if (rec->flags & LS_STACK_OUTSIDE)
		return;
	if (request_is_open(ts, stacks))
		request_look(ts, stacks, frame, frame_last(ts));
	sample_weigh(ts, rec, elapsed_ns, is_collecting);
	bodies_copy(ts, rec, now_ns);
	stack_send(ts, rec, now_ns);
	native_sample(ts, rec, elapsed_ns, now_ns);
	maker_sample(ts, stacks, n_arrived);
}

#endif
