/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads what the kernel side has counted: aggregates, losses, tasks, open spans, its own cost.
 */
#include "probe/probe_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "probe/ended.h"
#include "probe/open_spans.h"
#include "probe/task_counts.h"

#define CALIBRATE_PACE_NS NS_PER_S

_Static_assert(sizeof(struct ls_coro_stats) % 8 == 0,
	       "an array map rounds its elements up to 8 bytes");

/* Elements of `stats` that have ever been in use. */
static uint32_t coroutines_used(const struct probe *p)
{
	const uint32_t n = p->skel->bss->n_coroutines;

	return n < LS_MAX_COROUTINES ? n : LS_MAX_COROUTINES;
}

int probe__each_coroutine(struct probe *p, probe_coroutine_fn fn, void *ctx)
{
	const uint32_t n = coroutines_used(p);

	for (uint32_t i = 0; i < n; i++) {
		int r = p->stats[i].steps || p->stats[i].total_ns ?
			fn(ctx, &p->stats[i].key, &p->stats[i]) :
			0;

		if (r)
			return r;
	}
	return 0;
}

int probe__each_thread(struct probe *p, probe_thread_fn fn, void *ctx)
{
	int fd = bpf_map__fd(p->skel->maps.thread_stats);
	struct ls_thread_stats stats;
	uint64_t key, *previous = NULL, next;

	while (!bpf_map_get_next_key(fd, previous, &next)) {
		int r = bpf_map_lookup_elem(fd, &next, &stats) ?
			0 :
			fn(ctx, next >> 32, (uint32_t)next, &stats);

		if (r)
			return r;
		key = next;
		previous = &key;
	}
	return 0;
}

int probe__losses(struct probe *p, uint64_t *counts)
{
	int n_cpus = libbpf_num_possible_cpus();
	_cleanup_free_ uint64_t *values = NULL;

	if (n_cpus < 0)
		return n_cpus;
	values = calloc(n_cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (uint32_t i = 0; i < LS_LOSS_MAX; i++) {
		counts[i] = 0;
		if (bpf_map_lookup_elem(bpf_map__fd(p->skel->maps.losses), &i, values))
			return -errno;
		for (int cpu = 0; cpu < n_cpus; cpu++)
			counts[i] += values[cpu];
	}
	counts[LS_LOSS_BAD_RECORD] += p->bad_records;
	tick_clock__complete(&p->clock);
	return 0;
}

int probe__forget_threads(struct probe *p, const struct probe_thread *threads, size_t n)
{
	const struct ended_maps maps = {
		.threads = bpf_map__fd(p->skel->maps.thread_stats),
		.coroutine_index = bpf_map__fd(p->skel->maps.coroutine_index),
		.coroutine_stats = bpf_map__fd(p->skel->maps.coroutine_stats),
		.coroutine_free = bpf_map__fd(p->skel->maps.coroutine_free),
		.stats = p->stats,
		.n = coroutines_used(p),
	};

	return ended__give_back(&maps, threads, n);
}

int probe__count_tasks(struct probe *p, bool is_on)
{
	void *tasks;

	probe__settings(p)->is_counting_tasks = false;
	if (!is_on)
		return 0;
	if (!p->tasks) {
		tasks = mmap(NULL, TASKS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			     bpf_map__fd(p->skel->maps.tasks), 0);
		if (tasks == MAP_FAILED)
			return -errno;
		p->tasks = tasks;
	}
	task_counts__remove(p->tasks, 0);
	probe__settings(p)->is_counting_tasks = true;
	return 0;
}

int probe__each_task(struct probe *p, probe_task_fn fn, void *ctx)
{
	return p->tasks ? task_counts__each(p->tasks, fn, ctx) : 0;
}

static struct open_span_maps open_span_maps(const struct probe *p)
{
	return (struct open_span_maps){
		.threads = bpf_map__fd(p->skel->maps.threads),
		.stacks = bpf_map__fd(p->skel->maps.stacks),
		.holders = bpf_map__fd(p->skel->maps.holders),
		.lock_watches = bpf_map__fd(p->skel->maps.lock_watches),
		.stats = p->stats,
	};
}

int probe__open_stall(const struct probe *p, int pidfd, const struct open_stall_query *q)
{
	const struct open_span_maps maps = open_span_maps(p);

	return open_span__report(&maps, pidfd, q);
}

int probe__thread_now(const struct probe *p, int pidfd, uint64_t now_ns,
		      struct ls_thread_stats *ret)
{
	const struct open_span_maps maps = open_span_maps(p);

	return open_span__stats(&maps, pidfd, now_ns, ret);
}

int probe__live(const struct probe *p, int pidfd, uint64_t now_ns, struct probe_live *ret)
{
	const struct open_span_maps maps = open_span_maps(p);

	return open_span__read(&maps, pidfd, now_ns, ret);
}

uint64_t probe__run_time_ns(const struct probe *p)
{
	struct bpf_program *prog;
	uint64_t sum_ns = 0;

	bpf_object__for_each_program(prog, p->skel->obj)
	{
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof(info);

		if (!bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size))
			sum_ns += info.run_time_ns;
	}
	return sum_ns;
}

int probe_cost__calibrate(struct probe *p)
{
	_cleanup_(calibrator__freep) struct calibrator *calibrator = NULL;
	int r = calibrator__new(&calibrator, p->use_multi, &p->clock);

	if (r)
		return r;
	calibrator__measure(calibrator, &p->cost.costs);
	p->cost.calibrator = TAKE_PTR(calibrator);
	return 0;
}

void probe_cost__read(struct probe *p, uint64_t now_ns, struct probe_cost *ret)
{
	/* First, for it is what the traps since the last time cost. */
	if (p->cost.calibrator && now_ns >= p->cost.calibrate_due_ns) {
		p->cost.calibrate_due_ns = now_ns + CALIBRATE_PACE_NS;
		calibrator__measure(p->cost.calibrator, &p->cost.costs);
	}
	cost__read(&p->cost, ret);
}
