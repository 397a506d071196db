/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The software clock is there in every virtual machine, hardware counters are not.
 */
#include "probe/sampler.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "base/cleanup.h"

int sampler__open(pid_t tid, uint64_t period_ns)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = period_ns,
	};
	int fd = syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int sampler__add(struct sampler *s, struct bpf_program *prog, pid_t tid, uint64_t period_ns)
{
	_cleanup_fd_ int fd = -1;
	struct sampled_thread *threads;
	struct bpf_link *link;

	for (size_t i = 0; i < s->n; i++)
		if (s->threads[i].tid == tid)
			return 0;
	if (s->n >= SAMPLER_MAX_THREADS)
		return -ENOSPC;
	threads = reallocarray(s->threads, s->n + 1, sizeof(*threads));
	if (!threads)
		return -ENOMEM;
	s->threads = threads;
	fd = sampler__open(tid, period_ns);
	if (fd < 0)
		return fd;
	link = bpf_program__attach_perf_event(prog, fd);
	if (!link)
		return -errno;
	/* The link owns the descriptor now. */
	threads[s->n++] = (struct sampled_thread){ .tid = tid, .link = link, .fd = TAKE_FD(fd) };
	return 0;
}

int sampler__set_period(struct sampler *s, uint64_t period_ns)
{
	int code = 0;

	for (size_t i = 0; i < s->n; i++)
		if (ioctl(s->threads[i].fd, PERF_EVENT_IOC_PERIOD, &period_ns) && !code)
			code = -errno;
	return code;
}

void sampler__remove(struct sampler *s, pid_t tid)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->threads[i].tid != tid)
			continue;
		bpf_link__destroy(s->threads[i].link);
		s->threads[i] = s->threads[--s->n];
		return;
	}
}

void sampler__done(struct sampler *s)
{
	for (size_t i = 0; i < s->n; i++)
		bpf_link__destroy(s->threads[i].link);
	free(s->threads);
	*s = (struct sampler){ 0 };
}

int sampler__try(void)
{
	_cleanup_fd_ int fd = sampler__open(0, 1000000000);

	return fd < 0 ? fd : 0;
}
