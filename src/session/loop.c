/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll and a list of timers. There are about ten, so the list is walked.
 */
#include "session/loop.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MAX_EVENTS 16

int loop__init(struct loop *l, const struct machine_ops *machine)
{
	*l = (struct loop){ .machine = machine, .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	return l->epoll_fd < 0 ? -errno : 0;
}

void loop__done(struct loop *l)
{
	fd_close(&l->epoll_fd);
}

int loop__add_fd(struct loop *l, struct loop_fd *fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = fd };

	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd->fd, &event) < 0 ? -errno : 0;
}

void loop__remove_fd(struct loop *l, const struct loop_fd *fd)
{
	epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd->fd, NULL);
}

void loop__add_timer(struct loop *l, struct timer *t)
{
	struct timer **last = &l->timers;

	while (*last)
		last = &(*last)->next;
	t->next = NULL;
	*last = t;
}

int loop__run_due(struct loop *l, uint64_t now_ns)
{
	int r = 0;

	for (struct timer *t = l->timers; r >= 0 && t; t = t->next)
		if (t->fn && now_ns >= t->due_ns)
			r = t->fn(t->ctx, now_ns);
	return r < 0 ? r : 0;
}

static uint64_t next_due_ns(const struct loop *l)
{
	uint64_t due_ns = TIMER_NEVER;

	for (const struct timer *t = l->timers; t; t = t->next)
		if (t->due_ns < due_ns)
			due_ns = t->due_ns;
	return due_ns;
}

int loop__wait(struct loop *l)
{
	struct epoll_event events[MAX_EVENTS];
	int n, r = 0;

	n = l->machine->wait(l->epoll_fd, events, MAX_EVENTS, next_due_ns(l));
	if (n < 0 && errno != EINTR)
		return -errno;
	for (int i = 0; i < n && r >= 0; i++) {
		const struct loop_fd *fd = events[i].data.ptr;

		if (fd->fn)
			r = fd->fn(fd->ctx);
	}
	return r < 0 ? r : 0;
}
