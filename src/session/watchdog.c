/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread without capabilities that looks only when a signal comes. A loop that computes ends by
 * itself (base/work.h), and one that writes gives up (base/outlet.h): stuck is what sleeps at each
 * look. A call that is marked as one that ends at no signal is not waited for.
 */
#include "session/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/log.h"
#include "base/thread.h"
#include "process/procfs.h"

#define LOOK_MS 25

static struct {
	pthread_t thread;
	pid_t tid; /* that is watched; 0: none */
	int signal_fd, stop_fds[2];
	unsigned int n_looks;
	void (*_Atomic on_end)(void);
	/* a call of the watched thread, which waits for the lock before it goes on */
	pthread_mutex_t lock;
	void (*undo)(void *ctx); /* NULL: it is in none */
	void *undo_ctx;
} watchdog = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	/* Of this thread only. It needs none, so a failure is no danger. */
	syscall(SYS_capset, &head, none);
}

static bool is_asleep(void)
{
	struct proc_stat stat;

	return !proc_stat__read(&stat, watchdog.tid) && (stat.state == 'S' || stat.state == 'D');
}

/* Whether the signal is still there; at most `timeout_ms` are spent. 0: not; -1: stop. */
static int wait_for_signal(int timeout_ms)
{
	struct pollfd fds[] = { { .fd = watchdog.signal_fd, .events = POLLIN },
				{ .fd = watchdog.stop_fds[0], .events = POLLIN } };
	int n;

	do
		n = poll(fds, 2, timeout_ms);
	while (n < 0 && errno == EINTR);
	if (n < 0 || fds[1].revents)
		return -1;
	return fds[0].revents ? 1 : 0;
}

static _Noreturn void end_program(void)
{
	void (*on_end)(void) = watchdog.on_end;

	if (on_end)
		on_end();
	log_error("ended by a signal while a file or the memory of a process does not answer: what "
		  "was measured is lost");
	_exit(EXIT_INCONCLUSIVE);
}

/* Keeps the lock if the program ends. */
static void end_call(void)
{
	void (*on_end)(void) = watchdog.on_end;

	pthread_mutex_lock(&watchdog.lock);
	if (watchdog.undo) {
		watchdog.undo(watchdog.undo_ctx);
		if (on_end)
			on_end();
		log_error("a signal came before anything was measured");
		_exit(EXIT_CANNOT_ATTACH);
	}
	pthread_mutex_unlock(&watchdog.lock);
}

static void *run(void *ctx)
{
	unsigned int n_asleep = 0;

	(void)ctx;
	drop_capabilities();
	for (;;) {
		const int r = wait_for_signal(n_asleep ? 0 : -1);

		if (r < 0)
			return NULL;
		if (r)
			end_call();
		n_asleep = r && is_asleep() ? n_asleep + 1 : 0;
		if (n_asleep > watchdog.n_looks)
			end_program();
		poll(NULL, 0, LOOK_MS);
	}
}

int watchdog_start(int signal_fd, unsigned int patience_ms)
{
	int r;

	if (watchdog.tid || pipe2(watchdog.stop_fds, O_CLOEXEC))
		return watchdog.tid ? -EBUSY : -errno;
	watchdog.signal_fd = signal_fd;
	watchdog.n_looks = patience_ms / LOOK_MS;
	watchdog.tid = (pid_t)syscall(SYS_gettid);
	r = thread_start(&watchdog.thread, run, NULL);
	if (r)
		watchdog_stop();
	return r;
}

void watchdog_stop(void)
{
	const bool is_running = watchdog.tid && watchdog.thread;

	close(watchdog.stop_fds[1]);
	if (is_running)
		pthread_join(watchdog.thread, NULL);
	close(watchdog.stop_fds[0]);
	watchdog.tid = 0;
	watchdog.thread = 0;
}

void watchdog_on_end(void (*fn)(void))
{
	watchdog.on_end = fn;
}

void watchdog_begin_call(void (*undo)(void *ctx), void *ctx)
{
	pthread_mutex_lock(&watchdog.lock);
	watchdog.undo = undo;
	watchdog.undo_ctx = ctx;
	pthread_mutex_unlock(&watchdog.lock);
}

void watchdog_end_call(void)
{
	watchdog_begin_call(NULL, NULL);
}
