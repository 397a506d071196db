/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the model itself can lose, because its memory is bounded or a name came too late. Same form
 * as the kernel's list in counters.h; both end in the same table of the snapshot.
 *
 * MODEL_LOSSES(_) : _(NAME, "json_name", HIDES or DETAIL, "sentence")
 */
#ifndef LOOPSTALL_MODEL_LOSSES_H
#define LOOPSTALL_MODEL_LOSSES_H

/* clang-format off */
#define MODEL_LOSSES(_)                                                                            \
	_(PENDING_STACKS, "pending_stacks", DETAIL,                                                \
	  "stacks dropped before their step ended: too many were kept")                            \
	_(COROUTINE_ROWS, "coroutine_rows", HIDES,                                                 \
	  "steps counted without a coroutine: too many coroutines were kept")                      \
	_(THREAD_ROWS, "thread_rows", HIDES,                                                       \
	  "readings of threads left out: too many threads were kept")                              \
	_(SITE_ROWS, "site_rows", DETAIL,                                                          \
	  "stalls left out of the call sites: too many sites were kept")                           \
	_(GROUP_ROWS, "group_rows", DETAIL,                                                        \
	  "stalls left out of a group: too many names were kept")                                  \
	_(FINDING_ROWS, "finding_rows", DETAIL,                                                    \
	  "stalls left out of the findings: too many lines were kept")                             \
	_(HOLDER_ROWS, "holder_rows", DETAIL,                                                      \
	  "stalls left out of the holders of the lock: too many lines were kept")                  \
	_(POOL_ROWS, "pool_rows", DETAIL,                                                          \
	  "looks at pools of threads or connections left out: too many were kept")                 \
	_(LIFE_ROWS, "life_rows", DETAIL,                                                          \
	  "looks at groups of tasks left out: too many were kept")                                 \
	_(VICTIM_ROWS, "victim_rows", DETAIL,                                                      \
	  "waits left out of the victims: too many names were kept")                               \
	_(CULPRIT_ROWS, "culprit_rows", DETAIL,                                                    \
	  "costs not booked to who caused them: too many pairs were kept")                         \
	_(TASK_ROWS, "task_rows", DETAIL,                                                          \
	  "tasks left out of the list: too many were alive")                                       \
	_(LOSS_ROWS, "loss_rows", DETAIL,                                                          \
	  "kinds of loss left out: too many were named")                                           \
	_(TASK_NAMES, "task_names", DETAIL,                                                        \
	  "stalls without the name of their task: it ended before it was read")                    \
	_(COROUTINE_NAMES, "coroutine_names", DETAIL,                                              \
	  "stalls without their coroutine: it could not be read")
/* clang-format on */

enum model_loss {
#define _(name, ...) MODEL_LOSS_##name,
	MODEL_LOSSES(_)
#undef _
		MODEL_LOSS_MAX
};

#endif
