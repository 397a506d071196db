/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the loop threads are in right now: each is asked through its pidfd.
 */
#include "app/session_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* Linux 6.9; linux/pidfd.h of older headers lacks it */
#endif

/* The pidfd of a thread that leads no process; -1 if there is none. Opened at the first call. */
static int thread_fd(struct session *s, pid_t tid)
{
	struct session_thread *t;

	for (size_t i = 0; i < s->n_threads; i++)
		if (s->threads[i].tid == tid)
			return s->threads[i].fd;
	if (s->n_threads == SESSION_MAX_THREADS)
		return -1;
	t = &s->threads[s->n_threads++];
	*t = (struct session_thread){ .tid = tid, .fd = (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD) };
	return t->fd;
}

void session__forget_thread(struct session *s, pid_t tid)
{
	for (size_t i = 0; i < s->n_threads; i++) {
		if (s->threads[i].tid != tid)
			continue;
		fd_close(&s->threads[i].fd);
		s->threads[i] = s->threads[--s->n_threads];
		return;
	}
}

/* A thread may have run several loops: it is asked once. */
static bool is_first_of_thread(const struct watch *w, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (w->loops[i].tid == w->loops[index].tid)
			return false;
	return true;
}

static size_t read_process(struct session *s, const struct watch *w, uint64_t until_ns,
			   struct probe_live *spans, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; n < max && i < watch__known_loops(w); i++) {
		const pid_t tid = w->loops[i].tid;
		int fd;

		if (tid <= 0 || !is_first_of_thread(w, i))
			continue;
		fd = tid == w->pid ? w->pidfd : thread_fd(s, tid);
		if (fd >= 0 && probe__live(s->probe, fd, &spans[n]) == 0 && spans[n].start_ns <= until_ns)
			n++;
	}
	return n;
}

int session__read_live(struct session *s, uint64_t now_ns, uint64_t age_ns)
{
	_cleanup_free_ struct probe_live *spans = calloc(SESSION_MAX_THREADS, sizeof(*spans));
	struct model_live live[SESSION_MAX_THREADS];
	size_t n = 0;
	int r;

	if (!spans)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_watches; i++)
		if (!s->watches[i]->is_gone)
			n += read_process(s, s->watches[i], now_ns - age_ns, spans + n,
					  SESSION_MAX_THREADS - n);
	for (size_t i = 0; i < n; i++)
		live[i] = (struct model_live){
			.pid = spans[i].pid,
			.tid = spans[i].tid,
			.unit = spans[i].unit,
			.cause = spans[i].cause,
			.syscall = spans[i].syscall,
			.start_ns = spans[i].start_ns,
			.code = spans[i].code,
			.qualname = spans[i].qualname,
			.n_frames = spans[i].n_frames,
			.frames = spans[i].frames,
		};
	r = feed__live(&s->feed, live, n);
	return r < 0 ? r : (int)n;
}
