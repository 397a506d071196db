/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the loop threads are in right now: the kernel side is asked for each through its pidfd.
 */
#include "session/parts.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define MAX_TRIES 3 /* to read a span that changes */

/*
 * The pidfd of a thread that is no process leader; -1 if there is none. Opened at the first call.
 */
static int thread_fd(struct session *s, pid_t tid)
{
	struct loop_spans *spans = &s->spans;

	for (size_t i = 0; i < spans->n; i++)
		if (spans->threads[i].tid == tid)
			return spans->threads[i].fd;
	if (spans->n == MAX_SPANS)
		return -1;
	spans->threads[spans->n].tid = tid;
	spans->threads[spans->n].fd = s->env->process->open_thread(tid);
	return spans->threads[spans->n++].fd;
}

void session__forget_thread(struct session *s, pid_t tid)
{
	struct loop_spans *spans = &s->spans;

	for (size_t i = 0; i < spans->n; i++) {
		if (spans->threads[i].tid != tid)
			continue;
		fd_close(&spans->threads[i].fd);
		spans->threads[i] = spans->threads[--spans->n];
		return;
	}
}

void loop_spans__done(struct loop_spans *spans)
{
	for (size_t i = 0; i < spans->n; i++)
		fd_close(&spans->threads[i].fd);
}

static int each_thread_of(struct session *s, const struct watch *w, loop_thread_fn fn, void *ctx,
			  uint64_t now_ns)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < watch__known_loops(w); i++) {
		struct loop_thread thread = { .pid = w->pid, .tid = w->loops[i].tid };

		if (thread.tid <= 0 || !watch__is_first_of_thread(w, i))
			continue;
		thread.fd = thread.tid == w->pid ? w->end.fd : thread_fd(s, thread.tid);
		if (thread.fd >= 0)
			r = fn(ctx, &thread, now_ns);
	}
	return r;
}

int session__each_loop_thread(struct session *s, loop_thread_fn fn, void *ctx, uint64_t now_ns)
{
	const struct watch *w;
	int r;

	WATCHES_EACH(&s->watches, WATCH_ALIVE, w)
	{
		r = each_thread_of(s, w, fn, ctx, now_ns);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_totals(void *ctx, const struct loop_thread *thread, uint64_t now_ns)
{
	struct session *s = ctx;
	struct ls_thread_stats stats;

	/* The last reading of a thread that ends at this moment stays. */
	if (s->env->kernel->thread_now(s->probe, thread->fd, now_ns, &stats))
		return 0;
	return feed__thread(&s->feed, (uint32_t)thread->pid, (uint32_t)thread->tid, &stats);
}

int session__read_last(struct session *s, uint64_t now_ns)
{
	int r = session__read(s, now_ns);

	return r < 0 ? r : session__each_loop_thread(s, read_totals, s, now_ns);
}

/* What is read of all threads. */
struct reading {
	struct session *s;
	uint64_t until_ns; /* spans that began later are left out */
	size_t n;
	struct probe_live spans[MAX_SPANS];
	struct model_live live[MAX_SPANS];
};

/* Without a second try a row that is shown would flicker. */
static bool read_span(const struct session *s, const struct loop_thread *thread, uint64_t now_ns,
		      struct probe_live *ret)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < MAX_TRIES; i++)
		r = s->env->kernel->live(s->probe, thread->fd, now_ns, ret);
	return r == 0;
}

static int read_thread(void *ctx, const struct loop_thread *thread, uint64_t now_ns)
{
	struct reading *reading = ctx;
	struct probe_live *span = &reading->spans[reading->n];
	struct model_live *live = &reading->live[reading->n];
	const struct lock_look *look;

	if (reading->n == MAX_SPANS || !read_span(reading->s, thread, now_ns, span) ||
	    span->stall.start_ns > reading->until_ns)
		return 0;
	session__name_task(reading->s, &span->stall);
	session__complete_stall(reading->s, &span->stall);
	*live = (struct model_live){
		.stall = span->stall,
		.cause = span->cause,
		.syscall = span->syscall,
		.stack_flags = span->stack_flags,
		.n_frames = span->n_frames,
		.frames = span->frames,
		.n_holder_frames = span->n_holder_frames,
		.holder_frames = span->holder_frames,
	};
	look = session__lock_look(reading->s, &live->stall);
	if (look) {
		live->n_holder_frames = look->n_frames;
		live->holder_frames = look->frames;
	}
	session__add_waiting(reading->s, live);
	reading->n++;
	return 0;
}

int session__read_spans(struct session *s, uint64_t now_ns, uint64_t age_ns)
{
	_cleanup_free_ struct reading *reading = calloc(1, sizeof(*reading));
	int r;

	if (!reading)
		return -ENOMEM;
	reading->s = s;
	reading->until_ns = now_ns - age_ns;
	session__each_loop_thread(s, read_thread, reading, now_ns);
	r = feed__live(&s->feed, reading->live, reading->n);
	return r < 0 ? r : (int)reading->n;
}
