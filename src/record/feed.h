/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inputs of a model and, if there is one, of the recorder beside it. A session calls these
 * functions instead of the model's, so that the file misses nothing.
 */
#ifndef LOOPSTALL_RECORD_FEED_H
#define LOOPSTALL_RECORD_FEED_H

#include <stdint.h>

#include "model/model.h"
#include "record/recorder.h"

struct feed {
	struct model *model;
	struct recorder *recorder; /* NULL: nothing is recorded */
	/* recorded as the time of inputs that carry none; the owner sets it at each turn */
	uint64_t now_ns;
};

/* As in model.h. The recorder's result is returned if the model succeeded. */
int feed__event(struct feed *f, const struct event *event);
int feed__coroutine(struct feed *f, const struct ls_coro_key *key,
		    const struct ls_coro_stats *stats);
int feed__thread(struct feed *f, uint32_t pid, uint32_t tid, const struct ls_thread_stats *stats);
int feed__loss(struct feed *f, const char *name, const char *sentence, uint64_t count);
int feed__loop(struct feed *f, uint32_t pid, uint32_t tid, const struct model_loop_info *info);
int feed__lives(struct feed *f, uint64_t now_ns, uint32_t pid, const struct life_group *list,
		size_t n);
int feed__pools(struct feed *f, uint64_t now_ns, uint32_t pid, const struct pool *list, size_t n);
int feed__tasks(struct feed *f, uint64_t now_ns, const struct model_task *tasks, size_t n,
		uint64_t alive);
int feed__log(struct feed *f, uint64_t now_ns, enum log_grade grade, uint32_t pid,
	      const char *text);
int feed__tick(struct feed *f, uint64_t now_ns);
int feed__live(struct feed *f, const struct model_live *live, size_t n);
int feed__reset(struct feed *f);

#endif
