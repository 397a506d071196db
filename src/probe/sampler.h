/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One CPU-clock sampler for each loop thread. It ticks only while its thread runs.
 */
#ifndef LOOPSTALL_PROBE_SAMPLER_H
#define LOOPSTALL_PROBE_SAMPLER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct bpf_program;
struct bpf_link;

#define SAMPLER_MAX_THREADS 4096

struct sampler {
	size_t n;
	struct sampled_thread {
		pid_t tid;
		struct bpf_link *link;
		int fd; /* of the perf event; the link owns it */
	} *threads;
};

/* 0 (also when the thread is sampled already) or -errno; -ENOSPC when too many threads are. */
int sampler__add(struct sampler *s, struct bpf_program *prog, pid_t tid, uint64_t period_ns);
/* The pace of all samplers from now on. 0 or -errno of the first that could not be changed. */
int sampler__set_period(struct sampler *s, uint64_t period_ns);
void sampler__remove(struct sampler *s, pid_t tid);
void sampler__done(struct sampler *s);
/* A CPU clock alone, on and without a program. tid 0: of the calling thread. A descriptor or -errno. */
int sampler__open(pid_t tid, uint64_t period_ns);
/* Can a sampler be opened at all? 0 or -errno. */
int sampler__try(void);

#endif
