/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Every way in which the kernel side can lose something or give up, each with a name and a sentence.
 * Index into the per-CPU `losses` map, key of "lost" in the JSON summary, row of docs/measuring.md.
 *
 * LS_LOSSES(_) : _(NAME, "json_name", "sentence")
 */
#ifndef LOOPSTALL_COUNTERS_H
#define LOOPSTALL_COUNTERS_H

#define LS_LOSSES(_)                                                                               \
	_(RING_STALL, "ring_full_stall", "stalls not reported: the ring buffer was full")          \
	_(RING_STACK, "ring_full_stack", "stacks not reported: the ring buffer was full")          \
	_(RING_VICTIM, "ring_full_victim", "victim names not reported: the ring buffer was full")  \
	_(BAD_RECORD, "bad_record", "records from the kernel side that did not make sense")        \
	_(RING_OTHER, "ring_full_other", "life-cycle records lost: the ring buffer was full")      \
	_(COROUTINE_MAP, "coroutine_map_full", "steps and waits counted without a coroutine: its map was full") \
	_(TASK_MAP, "task_map_full", "tasks left out of the counts one by one: their map was full") \
	_(PROC_MAP, "process_map_full", "child processes not followed: too many are watched")      \
	_(THREAD_STORAGE, "thread_storage", "events lost: no memory for a thread's state")         \
	_(STACK_TRUNCATED, "stack_truncated", "stacks cut: deeper than the frame limit")           \
	_(STACK_UNREADABLE, "stack_unreadable", "stacks cut: a page could not be read")            \
	_(STACK_NO_THREAD, "stack_no_thread", "stacks missing: the Python thread state was not found") \
	_(SITES_FULL, "sites_full", "blocking calls without a stack: too many places in one step") \
	_(RETURN_UNSEEN, "return_unseen", "returns to a CPU that the kernel did not report: the wake-up's time was taken") \
	_(LEAVE_UNSEEN, "leave_unseen", "waits of which the kernel reported only the end: their beginning is the scheduler's") \
	_(TASK_UNREADABLE, "task_unreadable", "steps and victims whose task object could not be read") \
	_(LOOK_UNREADABLE, "look_unreadable", "looks at a loop (mode light) that could not be read") \
	_(STEP_UNMATCHED, "step_unmatched", "step ends seen without their beginning (running at attach)") \
	_(STEP_ABANDONED, "step_abandoned", "steps whose end was never seen (stack switched away)") \
	_(STEP_TOO_DEEP, "step_too_deep", "steps nested deeper than the limit")                    \
	_(VICTIM_NO_QUEUE, "victim_no_queue", "stalls without victims: the loop's queue is not known yet") \
	_(VICTIM_UNREADABLE, "victim_unreadable", "ready handles that could not be read")          \
	_(VICTIM_CUT, "victim_cut", "stalls with more ready handles than are looked at")           \
	_(STALL_SHED, "stall_detail_shed", "stalls counted, but not told one by one: too many at a time") \
	_(SAMPLE_SHED, "sample_shed", "CPU samples left out: too many at a time")                  \
	_(THREAD_MAP, "thread_map_full", "readings of threads lost: their map was full")

enum ls_loss {
#define _(name, json, sentence) LS_LOSS_##name,
	LS_LOSSES(_)
#undef _
		LS_LOSS_MAX
};

#endif
