/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model comes first: the answers it gets from the resolver are then in the file before the
 * input. An input that the model processed in part (its on_stall returned -errno) is recorded as
 * well.
 */
#include "record/feed.h"

/* The model's error wins over the recorder's. */
#define BOTH(f, r, call)                                                                           \
	({                                                                                         \
		const int _of_model = (r);                                                         \
		const int _of_recorder = (f)->recorder ? (call) : 0;                               \
		_of_model < 0 ? _of_model : _of_recorder;                                          \
	})

int feed__event(struct feed *f, const struct event *event)
{
	return BOTH(f, model__event(f->model, event),
		    recorder__event(f->recorder, f->now_ns, event));
}

int feed__coroutine(struct feed *f, const struct ls_coro_key *key,
		    const struct ls_coro_stats *stats)
{
	return BOTH(f, model__coroutine(f->model, key, stats),
		    recorder__coroutine(f->recorder, f->now_ns, key, stats));
}

int feed__thread(struct feed *f, uint32_t pid, uint32_t tid, const struct ls_thread_stats *stats)
{
	return BOTH(f, model__thread(f->model, pid, tid, stats),
		    recorder__thread(f->recorder, f->now_ns, pid, tid, stats));
}

int feed__loss(struct feed *f, const char *name, const char *sentence, uint64_t count)
{
	return BOTH(f, model__loss(f->model, name, sentence, count),
		    recorder__loss(f->recorder, f->now_ns, name, sentence, count));
}

int feed__loop(struct feed *f, uint32_t pid, uint32_t tid, const struct model_loop_info *info)
{
	return BOTH(f, model__loop(f->model, pid, tid, info),
		    recorder__loop(f->recorder, f->now_ns, pid, tid, info));
}

int feed__pools(struct feed *f, uint64_t now_ns, uint32_t pid, const struct pool *list, size_t n)
{
	return BOTH(f, model__pools(f->model, now_ns, pid, list, n),
		    recorder__pools(f->recorder, now_ns, pid, list, n));
}

int feed__lives(struct feed *f, uint64_t now_ns, uint32_t pid, const struct life_group *list,
		size_t n)
{
	return BOTH(f, model__lives(f->model, now_ns, pid, list, n),
		    recorder__lives(f->recorder, now_ns, pid, list, n));
}

int feed__tasks(struct feed *f, uint64_t now_ns, const struct model_task *tasks, size_t n,
		uint64_t alive)
{
	return BOTH(f, model__tasks(f->model, now_ns, tasks, n, alive),
		    recorder__tasks(f->recorder, now_ns, tasks, n, alive));
}

int feed__log(struct feed *f, uint64_t now_ns, enum log_grade grade, uint32_t pid, const char *text)
{
	return BOTH(f, model__log(f->model, now_ns, grade, pid, text),
		    recorder__log(f->recorder, now_ns, grade, pid, text));
}

int feed__tick(struct feed *f, uint64_t now_ns)
{
	return BOTH(f, model__tick(f->model, now_ns), recorder__tick(f->recorder, now_ns));
}

int feed__live(struct feed *f, const struct model_live *live, size_t n)
{
	return BOTH(f, model__live(f->model, live, n),
		    recorder__live(f->recorder, f->now_ns, live, n));
}

int feed__reset(struct feed *f)
{
	model__reset(f->model);
	return f->recorder ? recorder__reset(f->recorder, f->now_ns) : 0;
}
