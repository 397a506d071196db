/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See supervise.h. Stuck is a child that sleeps, and was not scheduled for a while: neither one
 * that computes, nor one that waits for the CPU on a busy machine, nor one that reads a slow file
 * bit by bit.
 */
#include "app/supervise.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "process/procfs.h"

#define LOOK_MS 50
#define MAX_LOOKS 10 /* checks in a row without CPU time */
#define MAX_DEATH_LOOKS 20 /* checks for the end of a killed child */

/* Shared with the child. */
static struct progress {
	_Atomic size_t item;
	_Atomic bool is_paused;
} * progress;

void *supervise_alloc(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void supervise_pause(bool is_paused)
{
	if (progress)
		progress->is_paused = is_paused;
}

static void work_through(const struct supervised *s, size_t first)
{
	for (size_t i = first; i < s->n; i++) {
		if (progress)
			progress->item = i;
		if (!s->work(s->ctx, i))
			return;
	}
}

/* Changes whenever the child was on a CPU. */
struct sign {
	size_t item;
	char sched[96]; /* proc(5), /proc/PID/schedstat */
};

/* False if the child was on a CPU since the last look, or that cannot be seen. */
static bool is_asleep(pid_t child, struct sign *last)
{
	_cleanup_free_ char *sched = NULL;
	struct sign now = { .item = progress->item };
	struct proc_stat stat;
	bool is_same;

	if (progress->is_paused || proc_read(child, "schedstat", &sched, NULL) ||
	    proc_stat__read(&stat, child))
		return false;
	strncat(now.sched, sched, sizeof(now.sched) - 1);
	is_same = now.item == last->item && !strcmp(now.sched, last->sched);
	*last = now;
	return is_same && (stat.state == 'S' || stat.state == 'D');
}

/* False: it has ended. */
static bool is_stuck(pid_t child, int pidfd)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	struct sign sign = { .item = SIZE_MAX };

	for (int n_asleep = 0; n_asleep < MAX_LOOKS;) {
		if (poll(&end, 1, LOOK_MS) > 0)
			return false;
		n_asleep = is_asleep(child, &sign) ? n_asleep + 1 : 0;
	}
	return true;
}

/* The kernel ends nearly every wait of a killed process; one that it does not end is left alone. */
static void end_child(pid_t child, int pidfd)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	kill(child, SIGKILL);
	poll(&end, 1, MAX_DEATH_LOOKS * LOOK_MS);
	waitpid(child, NULL, WNOHANG);
}

/* The child leaves without the handlers of exit(3): what they end or restore is its parent's. */
static pid_t start_child(const struct supervised *s, size_t first)
{
	const pid_t parent = getpid(), child = fork();

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		work_through(s, first);
	fflush(stdout);
	_exit(EXIT_SUCCESS);
}

/* Number of the item to go on with; s->n: all are done. */
static size_t watch_child(const struct supervised *s, pid_t child, int pidfd)
{
	int status;

	if (pidfd >= 0 && is_stuck(child, pidfd)) {
		end_child(child, pidfd);
		s->leave_out(s->ctx, progress->item, 0);
		return progress->item + 1;
	}
	if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status))
		return s->n;
	s->leave_out(s->ctx, progress->item, WTERMSIG(status));
	return progress->item + 1;
}

void supervise(const struct supervised *s)
{
	if (!progress)
		progress = supervise_alloc(sizeof(*progress));
	for (size_t first = 0; first < s->n;) {
		_cleanup_fd_ int pidfd = -1;
		pid_t child = -1;

		if (progress) {
			progress->item = first;
			progress->is_paused = false;
			child = start_child(s, first);
		}
		if (child < 0) {
			work_through(s, first);
			return;
		}
		pidfd = (int)syscall(SYS_pidfd_open, child, 0);
		first = watch_child(s, child, pidfd);
	}
}
