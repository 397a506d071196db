/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inputs of a model, and of the recorder beside it if there is one. Whoever measures makes its calls here
 * instead of on the model, so that nothing is missing on file.
 */
#ifndef LOOPSTALL_RECORD_FEED_H
#define LOOPSTALL_RECORD_FEED_H

#include <stdint.h>

#include "model/model.h"
#include "record/recorder.h"

struct feed {
	struct model *model;
	struct recorder *recorder; /* NULL: nothing is recorded */
	uint64_t now_ns; /* the time that inputs without one are recorded with; the owner sets it at each turn */
};

/* As in model.h. What the recorder returns counts if the model took the input. */
int feed__event(struct feed *f, const struct event *event);
int feed__coroutine(struct feed *f, const struct ls_coro_key *key, const struct ls_coro_stats *stats);
int feed__thread(struct feed *f, uint32_t pid, uint32_t tid, const struct ls_thread_stats *stats);
int feed__loss(struct feed *f, const char *name, const char *sentence, uint64_t count);
int feed__loop(struct feed *f, uint32_t pid, uint32_t tid, const struct model_loop_info *info);
int feed__tasks(struct feed *f, uint64_t now_ns, const struct model_task *tasks, size_t n,
		uint64_t alive);
int feed__log(struct feed *f, uint64_t now_ns, enum log_grade grade, uint32_t pid, const char *text);
int feed__tick(struct feed *f, uint64_t now_ns);
int feed__live(struct feed *f, const struct model_live *live, size_t n);
int feed__reset(struct feed *f);

#endif
