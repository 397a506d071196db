/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a probe, shared by its parts: probe.c (life cycle, settings, ring), attach.c
 * (processes and their uprobes), readings.c (what the maps hold).
 */
#ifndef LOOPSTALL_PROBE_PROBE_IMPL_H
#define LOOPSTALL_PROBE_PROBE_IMPL_H

#include <loopstall/abi.h>

#include "probe/tick_clock.h"
#include "probe/cost.h"
#include "probe/probe.h"
#include "probe/skeleton.h"
#include "probe/uprobes.h"

#define TASKS_BYTES (LS_MAX_TASKS * sizeof(struct ls_task))
#define PROBE_FILE_LOCKS 2 /* tracepoints of locks of files */
#define STATS_BYTES (LS_MAX_COROUTINES * sizeof(struct ls_coro_stats))

/* A file of a process that has its uprobes. */
struct attached {
	pid_t pid;
	dev_t dev;
	ino_t ino;
	struct uprobes uprobes;
};

struct probe {
	struct loopstall_bpf *skel;
	struct ring_buffer *ring;
	const struct ls_coro_stats *stats; /* LS_MAX_COROUTINES of them, mapped */
	/* LS_MAX_TASKS of them; mapped when they are counted for the first time, till then NULL */
	struct ls_task *tasks;
	struct bpf_program *spot_prog;
	struct bpf_link *file_locks[PROBE_FILE_LOCKS]; /* NULL: the kernel has no such tracepoint */
	bool use_multi;
	uint64_t fixed_period_ns; /* the sampler's, if it does not go with the threshold; else 0 */
	uint64_t sample_period_ns;
	struct tick_clock clock;
	struct cost cost;
	size_t n_attached;
	struct attached *attached;
	size_t n_traced, traced_size;
	pid_t *traced; /* processes that have published trace contexts */
	uint64_t bad_records;
	/* for the time of one drain */
	event_fn event_fn;
	void *event_ctx;
	int event_err;
};

/* The programs read these while they run. */
static inline volatile struct ls_settings *probe__settings(const struct probe *p)
{
	return &p->skel->data->settings;
}

/* Decodes a record of the ring and passes it on; `ctx` is the probe. 0 or what event_fn returned.
 */
int probe__on_record(void *ctx, void *data, size_t size);

#endif
