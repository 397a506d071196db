/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop of a session: file descriptors and timers. A due time is set in one place, at the
 * timer; how long the loop sleeps follows from that. Timers and descriptors belong to their owners
 * and must outlive their registration.
 */
#ifndef LOOPSTALL_SESSION_LOOP_H
#define LOOPSTALL_SESSION_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session/env.h"

#define TIMER_NEVER UINT64_MAX

/* Calls return 0, or -errno, which ends the turn. Without `fn` the loop only wakes up. */
struct timer {
	uint64_t due_ns; /* TIMER_NEVER: off. Set it at any time; fn is called once it has come */
	int (*fn)(void *ctx, uint64_t now_ns); /* sets due_ns anew, or is called again at once */
	void *ctx;
	struct timer *next;
};

struct loop_fd {
	int fd;
	int (*fn)(void *ctx);
	void *ctx;
};

struct loop {
	const struct machine_ops *machine;
	int epoll_fd;
	struct timer *timers; /* in the order they were added */
};

/* 0 or -errno. */
int loop__init(struct loop *l, const struct machine_ops *machine);
void loop__done(struct loop *l);

/* `events` as for epoll_ctl(); 0 waits for errors and hang-ups alone. 0 or -errno. */
int loop__add_fd(struct loop *l, struct loop_fd *fd, uint32_t events);
void loop__remove_fd(struct loop *l, const struct loop_fd *fd);
/* Due timers are called in the order they were added. */
void loop__add_timer(struct loop *l, struct timer *t);

/* Calls what is due now. 0 or -errno. */
int loop__run_due(struct loop *l, uint64_t now_ns);
/* Waits for descriptors until a timer is due, and calls those that are ready. 0 or -errno. */
int loop__wait(struct loop *l);

#endif
