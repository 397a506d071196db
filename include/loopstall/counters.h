/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Every way in which the kernel side can lose something or give up, each with a name and a
 * sentence. Index into the per-CPU `losses` map, key of "lost" in the JSON summary, row of
 * docs/measuring.md.
 *
 * LS_LOSSES(_) : _(NAME, "json_name", HIDES or DETAIL, "sentence")
 *
 * To add one, add a row. The third column says what is lost: HIDES if a stall or a step may have
 * gone by unseen (check is then inconclusive), DETAIL if only something about it is missing.
 */
#ifndef LOOPSTALL_COUNTERS_H
#define LOOPSTALL_COUNTERS_H

/* clang-format off */
#define LS_LOSSES(_)                                                                               \
	_(RING_STALL, "ring_full_stall", HIDES,                                                    \
	  "stalls not reported: the ring buffer was full")                                         \
	_(RING_STACK, "ring_full_stack", DETAIL,                                                   \
	  "stacks not reported: the ring buffer was full")                                         \
	_(RING_VICTIM, "ring_full_victim", DETAIL,                                                 \
	  "victim names not reported: the ring buffer was full")                                   \
	_(BAD_RECORD, "bad_record", HIDES,                                                         \
	  "records from the kernel side that did not make sense")                                  \
	_(RING_OTHER, "ring_full_other", DETAIL,                                                   \
	  "life-cycle records lost: the ring buffer was full")                                     \
	_(COROUTINE_MAP, "coroutine_map_full", HIDES,                                              \
	  "steps and waits counted without a coroutine: its map was full")                         \
	_(TASK_MAP, "task_map_full", DETAIL,                                                       \
	  "tasks left out of the counts one by one: their map was full")                           \
	_(PROC_MAP, "process_map_full", DETAIL,                                                    \
	  "child processes not followed: too many are watched")                                    \
	_(CHILD_BRIEF, "child_brief", DETAIL,                                                      \
	  "child processes that ended before they could be measured")                              \
	_(CHILD_UNEXAMINED, "child_unexamined", HIDES,                                             \
	  "processes not examined: too many at a time, or no memory or descriptor")                \
	_(THREAD_STORAGE, "thread_storage", HIDES,                                                 \
	  "events lost: no memory for a thread's state")                                           \
	_(STACK_TRUNCATED, "stack_truncated", DETAIL,                                              \
	  "stacks cut: deeper than the frame limit")                                               \
	_(STACK_UNREADABLE, "stack_unreadable", DETAIL,                                            \
	  "stacks cut: a page could not be read")                                                  \
	_(STACK_NO_THREAD, "stack_no_thread", DETAIL,                                              \
	  "stacks missing: the Python thread state was not found")                                 \
	_(HOLDER_UNREADABLE, "holder_unreadable", DETAIL,                                          \
	  "stacks of a GIL holder not used: they changed while they were read")                    \
	_(SITES_FULL, "sites_full", DETAIL,                                                        \
	  "blocking calls without a stack: too many places in one step")                           \
	_(RETURN_UNSEEN, "return_unseen", DETAIL,                                                  \
	  "returns to a CPU that the kernel did not report: the scheduler's time was taken")       \
	_(LEAVE_UNSEEN, "leave_unseen", DETAIL,                                                    \
	  "waits of which the kernel reported only the end: their beginning is the scheduler's")   \
	_(TASK_UNREADABLE, "task_unreadable", DETAIL,                                              \
	  "steps and victims whose task object could not be read")                                 \
	_(LOOK_UNREADABLE, "look_unreadable", DETAIL,                                              \
	  "looks at a loop (mode light) that could not be read")                                   \
	_(STEP_UNMATCHED, "step_unmatched", DETAIL,                                                \
	  "step ends seen without their beginning (running at attach)")                            \
	_(STEP_ABANDONED, "step_abandoned", HIDES,                                                 \
	  "steps whose end was never seen (stack switched away)")                                  \
	_(STEP_TOO_DEEP, "step_too_deep", HIDES,                                                   \
	  "steps nested deeper than the limit")                                                    \
	_(VICTIM_NO_QUEUE, "victim_no_queue", DETAIL,                                              \
	  "stalls without victims: the loop's queue is not known yet")                             \
	_(VICTIM_UNREADABLE, "victim_unreadable", DETAIL,                                          \
	  "ready handles that could not be read")                                                  \
	_(VICTIM_CUT, "victim_cut", DETAIL,                                                        \
	  "stalls with more ready handles than are looked at")                                     \
	_(STALL_SHED, "stall_detail_shed", HIDES,                                                  \
	  "stalls counted, but not reported one by one: too many at a time")                       \
	_(SAMPLE_SHED, "sample_shed", DETAIL,                                                      \
	  "CPU samples left out: too many at a time")                                              \
	_(NATIVE_SHED, "native_shed", DETAIL,                                                      \
	  "native stacks left out: too many at a time")                                            \
	_(RING_NATIVE, "ring_full_native", DETAIL,                                                 \
	  "native stacks left out: the ring buffer was full")                                      \
	_(RING_CODE, "ring_full_code", DETAIL,                                                     \
	  "copies of code objects left out: the ring buffer was full")                             \
	_(THREAD_MAP, "thread_map_full", HIDES,                                                    \
	  "readings of threads lost: their map was full")                                          \
	_(NO_CLOCK, "sampler_no_clock", HIDES,                                                     \
	  "switches to a CPU without a sampler: the kernel has no timer for it")                   \
	_(AWAIT_UNREADABLE, "await_unreadable", DETAIL,                                            \
	  "ends of steps without a place: the await chain could not be read")                      \
	_(REQUEST_UNREADABLE, "request_unreadable", DETAIL,                                        \
	  "stalls without a route: the request could not be read")                                 \
	_(REQUEST_UNSEEN, "request_unseen", DETAIL,                                                \
	  "stalls without a route: their stack was not read while they lasted")                    \
	_(TRACE_UNREADABLE, "trace_unreadable", DETAIL,                                            \
	  "looks at a thread's trace context that could not be read")
/* clang-format on */

enum ls_loss {
#define _(name, ...) LS_LOSS_##name,
	LS_LOSSES(_)
#undef _
		LS_LOSS_MAX
};

#endif
