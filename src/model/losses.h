/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the model itself can lose, because its memory is bounded. Same form as the kernel's list in
 * counters.h; both end in the same table of the snapshot.
 *
 * MODEL_LOSSES(_) : _(NAME, "json_name", "sentence")
 */
#ifndef LOOPSTALL_MODEL_LOSSES_H
#define LOOPSTALL_MODEL_LOSSES_H

#define MODEL_LOSSES(_)                                                                            \
	_(PENDING_STACKS, "pending_stacks",                                                        \
	  "stacks dropped before their step ended: too many were kept")                            \
	_(COROUTINE_ROWS, "coroutine_rows",                                                        \
	  "steps counted without a coroutine: too many coroutines were kept")                      \
	_(THREAD_ROWS, "thread_rows", "readings of threads left out: too many threads were kept")  \
	_(SITE_ROWS, "site_rows", "stalls left out of the call sites: too many sites were kept")   \
	_(VICTIM_ROWS, "victim_rows", "waits left out of the victims: too many names were kept")   \
	_(CULPRIT_ROWS, "culprit_rows",                                                            \
	  "costs not booked to who caused them: too many pairs were kept")                         \
	_(TASK_ROWS, "task_rows", "tasks left out of the list: too many were alive")               \
	_(LOSS_ROWS, "loss_rows", "kinds of loss left out: too many were named")

enum model_loss {
#define _(name, json, sentence) MODEL_LOSS_##name,
	MODEL_LOSSES(_)
#undef _
		MODEL_LOSS_MAX
};

#endif
