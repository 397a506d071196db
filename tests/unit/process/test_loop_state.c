/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What keeps a loop from running tasks, read from real children in known states.
 */
#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "process/loop_state.h"
#include "process/target.h"
#include "runtime/runtime.h"

#define PATIENCE_MS 5000

static int own_fd;

static int scripted_poll_fd(const struct target *t, uint64_t loop)
{
	(void)t;
	(void)loop;
	return own_fd;
}

static const struct runtime_ops ops = { .poll_fd = scripted_poll_fd };

static void epoll_forever(void)
{
	struct epoll_event event;

	epoll_wait(own_fd, &event, 1, -1);
}

static void poll_forever(void)
{
	struct pollfd fd = { .fd = own_fd, .events = POLLIN };

	poll(&fd, 1, -1);
}

/* As time.sleep() does it in old versions. */
static void sleep_in_poll(void)
{
	poll(NULL, 0, -1);
}

static void stop(void)
{
	raise(SIGSTOP);
}

static void sleep_long(void)
{
	sleep(60);
}

static void compute(void)
{
	for (volatile unsigned int i = 0;; i++)
		;
}

/* Whether a child that runs `fn` comes to this state. */
static bool reaches(void (*fn)(void), uint64_t loop, enum loop_state state)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct target t = { .runtime = &ops };
	bool is_reached = false;

	t.pid = fork();
	if (!t.pid) {
		fn();
		_exit(0);
	}
	for (int i = 0; i < PATIENCE_MS && !is_reached; i++) {
		nanosleep(&pause, NULL);
		is_reached = target__loop_state(&t, t.pid, loop) == state;
	}
	kill(t.pid, SIGKILL);
	waitpid(t.pid, NULL, 0);
	return is_reached;
}

Test(loop_state, of_children)
{
	own_fd = epoll_create1(0);
	cr_expect(reaches(epoll_forever, 0x1000, LOOP_STATE_POLLS));
	cr_expect(reaches(poll_forever, 0x1000, LOOP_STATE_OUTSIDE), "a callback's poll");
	cr_expect(reaches(sleep_long, 0x1000, LOOP_STATE_OUTSIDE));
	cr_expect(reaches(compute, 0x1000, LOOP_STATE_OUTSIDE));
	cr_expect(reaches(stop, 0x1000, LOOP_STATE_STOPPED));
	cr_expect(reaches(poll_forever, 0, LOOP_STATE_POLLS), "its descriptor is not known");
	cr_expect(reaches(sleep_in_poll, 0, LOOP_STATE_OUTSIDE), "it waits for no descriptor");
	close(own_fd);
}

Test(loop_state, of_nobody)
{
	const struct target t = { .pid = 0x7ffffff0, .runtime = &ops };

	cr_expect_eq(target__loop_state(&t, t.pid, 0), LOOP_STATE_UNKNOWN);
}
