/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real outside: this machine.
 */
#include "session/env.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/time.h"

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* Linux 6.9; linux/pidfd.h of older headers lacks it */
#endif

static uint64_t now_ns(void)
{
	return time_now_ns(CLOCK_MONOTONIC);
}

static uint64_t timeval_ns(struct timeval tv)
{
	return (uint64_t)tv.tv_sec * NS_PER_S + (uint64_t)tv.tv_usec * NS_PER_US;
}

static uint64_t own_cpu_ns(void)
{
	struct rusage usage = {};

	getrusage(RUSAGE_SELF, &usage);
	return timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
}

#define LONGEST_WAIT_NS (3600 * NS_PER_S)

/* Rounded up: a wait that is too short would spin until the time has come. */
static int wait_events(int epoll_fd, struct epoll_event *events, int max, uint64_t until_ns)
{
	const uint64_t from_ns = now_ns();
	uint64_t wait_ns = until_ns > from_ns ? until_ns - from_ns : 0;

	if (wait_ns > LONGEST_WAIT_NS)
		wait_ns = LONGEST_WAIT_NS;
	return epoll_wait(epoll_fd, events, max, (int)((wait_ns + NS_PER_MS - 1) / NS_PER_MS));
}

static void sleep_ns(uint64_t ns)
{
	const struct timespec length = { .tv_sec = (time_t)(ns / NS_PER_S),
					 .tv_nsec = (long)(ns % NS_PER_S) };

	nanosleep(&length, NULL);
}

static int open_pid(pid_t pid, unsigned int flags)
{
	const int fd = (int)syscall(SYS_pidfd_open, pid, flags);

	return fd < 0 ? -errno : fd;
}

static int open_process(pid_t pid)
{
	return open_pid(pid, 0);
}

static int open_thread(pid_t tid)
{
	return open_pid(tid, PIDFD_THREAD);
}

static int send_signal(pid_t pid, int number)
{
	return kill(pid, number) < 0 ? -errno : 0;
}

static const struct machine_ops live_machine = {
	.now_ns = now_ns,
	.own_cpu_ns = own_cpu_ns,
	.wait = wait_events,
	.sleep = sleep_ns,
};

static const struct process_ops live_process = {
	.open = open_process,
	.open_thread = open_thread,
	.signal = send_signal,
	.age_ns = target__age_ns,
	.has_name = target__has_name,
	.find_by_name = target__find_by_name,
	.find_all = target__find_all,
	.has_traces = target__has_traces,
	.find_descendants = target__find_descendants,
	.examine = target__examine,
	.is_current = target__is_current,
	.free = target__free,
	.loop_state = target__loop_state,
};

static const struct symbol_ops live_symbol = {
	.new = symbols__new,
	.free = symbols__free,
	.add_process = symbols__add_process,
	.forget = symbols__forget,
	.unwind = symbols__unwind,
	.keep_code = symbols__keep_code,
	.read_sources = symbols__read_sources,
	.resolver = symbols__resolver,
};

const struct session_env live_env = {
	.kernel = &bpf_kernel_side,
	.machine = &live_machine,
	.process = &live_process,
	.symbol = &live_symbol,
};
