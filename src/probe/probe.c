/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel side as an object: opens, configures, loads and attaches its programs, changes its
 * settings, drains its ring.
 */
#include "probe/probe_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/time.h"
#include "probe/kernel_log.h"
#include "probe/loader.h"
#include "probe/namespaces.h"
#include "probe/syscall_rules.h"
#include "stream/event.h"

static int err_from_load(struct err *err, int code)
{
	if (code == -EPERM || code == -EACCES) {
		err__set(err, code, "the kernel refuses the BPF programs: %s", strerror(-code));
		/* The caller names the missing capability. */
		if (user_namespace__try() != -EXDEV)
			return code;
		return err__hint(err, code,
				 "this is a user namespace (a rootless container?), in which no "
				 "capability counts: run it outside");
	}
	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		err__set(err, code,
			 "this kernel describes no types: /sys/kernel/btf/vmlinux is missing");
		return err__hint(err, code,
				 "run a kernel built with CONFIG_DEBUG_INFO_BTF=y; Debian's are");
	}
	err__set(err, code, "the kernel does not load the BPF programs: %s", strerror(-code));
	if (err && *err->hint)
		return code;
	return err__hint(err, code,
			 "`loopstall doctor` lists what this kernel lacks, -v shows its message");
}

/*
 * Five samples in the shortest stall name its line; more often than each millisecond would cost too
 * much.
 */
static uint64_t choose_sample_period_ns(uint64_t threshold_ns)
{
	uint64_t period_ns = threshold_ns / 5;

	if (period_ns < NS_PER_MS)
		return NS_PER_MS;
	return period_ns > 2 * NS_PER_MS ? 2 * NS_PER_MS : period_ns;
}

/* The programs may run meanwhile: each reads a value once for what it decides. */
static void set_threshold(struct probe *p, uint64_t threshold_ns)
{
	const uint64_t shortest_ns = threshold_ns / 4;

	p->sample_period_ns =
		p->fixed_period_ns ? p->fixed_period_ns : choose_sample_period_ns(threshold_ns);
	probe__settings(p)->threshold_ns = threshold_ns;
	probe__settings(p)->light_threshold_ns =
		threshold_ns > PROBE_LIGHT_SHORTEST_NS ? threshold_ns : PROBE_LIGHT_SHORTEST_NS;
	probe__settings(p)->sample_period_ns = p->sample_period_ns;
	probe__settings(p)->sample_after_ns =
		p->sample_period_ns < shortest_ns ? p->sample_period_ns : shortest_ns;
}

void probe__set_light(struct probe *p, bool is_light)
{
	probe__settings(p)->light_since_ns = time_now_ns(CLOCK_MONOTONIC);
	probe__settings(p)->is_light = is_light;
}

bool probe__is_light(const struct probe *p)
{
	return probe__settings(p)->is_light;
}

uint64_t probe__light_threshold_ns(const struct probe *p)
{
	return probe__settings(p)->light_threshold_ns;
}

int probe__on_record(void *ctx, void *data, size_t size)
{
	struct probe *p = ctx;
	struct event event;

	if (event__decode(data, size, &event)) {
		p->bad_records++;
		return 0;
	}
	p->event_err = p->event_fn(p->event_ctx, &event);
	return p->event_err;
}

/* The program writes nothing, so one read visits all. */
static int visit_clocks(void *ctx)
{
	const struct loopstall_bpf *skel = ctx;
	_cleanup_fd_ int fd = bpf_iter_create(bpf_link__fd(skel->links.on_each_clock));
	char byte;

	if (fd < 0)
		return fd;
	return read(fd, &byte, 1) < 0 ? -errno : 0;
}

/* What must be known before the programs are loaded. */
static void probe_configure(struct probe *p, const struct probe_opts *opts, int n_cpus)
{
	struct loopstall_bpf *skel = p->skel;

	set_threshold(p, opts->threshold_ns);
	probe__settings(p)->is_following = opts->is_following;
	probe__settings(p)->tells_execs = opts->tells_execs;
	probe__settings(p)->own_tgid = (uint32_t)getpid();
	probe__settings(p)->n_cpus = (uint32_t)get_nprocs();
	probe__set_light(p, opts->is_light);
	syscall_rules__fill((uint8_t *)skel->rodata->syscall_rules);
	p->spot_prog = skel->progs.on_spot;
	if (p->use_multi)
		bpf_program__set_expected_attach_type(p->spot_prog, UPROBE_MULTI_ATTACH_TYPE);
	bpf_map__set_max_entries(skel->maps.clocks, LS_CLOCK_OF(n_cpus));
	bpf_map__set_max_entries(skel->maps.cpu_waits, n_cpus);
}

/* What is shared with the programs: the ring and the counters of the coroutines. */
static int probe_map(struct probe *p, struct err *err)
{
	struct loopstall_bpf *skel = p->skel;
	void *stats;

	p->ring = ring_buffer__new(bpf_map__fd(skel->maps.ring), probe__on_record, p, NULL);
	if (!p->ring)
		return err__set(err, -errno, "cannot map the ring buffer: %s", strerror(errno));
	stats = mmap(NULL, STATS_BYTES, PROT_READ, MAP_SHARED,
		     bpf_map__fd(skel->maps.coroutine_stats), 0);
	if (stats == MAP_FAILED)
		return err__set(err, -errno, "cannot map the coroutines' counters: %s",
				strerror(errno));
	p->stats = stats;
	return 0;
}

static int probe_load(struct probe *p, const struct probe_opts *opts, struct err *err)
{
	struct loopstall_bpf *skel = skeleton__open();
	const int n_cpus = libbpf_num_possible_cpus();
	int r;

	if (!skel)
		return err_from_load(err, -errno);
	p->skel = skel;
	if (n_cpus < 0)
		return err__set(err, n_cpus, "cannot count the CPUs: %s", strerror(-n_cpus));
	probe_configure(p, opts, n_cpus);
	r = loader__load(skel);
	if (r)
		return err_from_load(err, r);
	r = probe_map(p, err);
	if (r)
		return r;
	p->clock = (struct tick_clock){ .visit = visit_clocks,
					.visit_ctx = skel,
					.n_clocks = LS_CLOCK_OF(n_cpus),
					.settings = probe__settings(p),
					.status = &skel->bss->clock_status,
					.trial_ticks = &skel->bss->trial_ticks };
	p->cost.meters = skel->bss->meters;
	p->cost.n_rows = n_cpus > LS_METER_CPUS ? LS_METER_CPUS : n_cpus;
	return 0;
}

static int probe_attach_clock(struct probe *p)
{
	union bpf_iter_link_info clocks = { .map.map_fd = bpf_map__fd(p->skel->maps.clocks) };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &clocks,
		    .link_info_len = sizeof(clocks));

	p->skel->links.on_each_clock =
		bpf_program__attach_iter(p->skel->progs.on_each_clock, &opts);
	return p->skel->links.on_each_clock ? tick_clock__set_up(&p->clock) : -errno;
}

/*
 * A kernel without locks of files has no such tracepoints. Without them nobody knows who has the
 * lock that a thread waits for.
 */
static void probe_attach_file_locks(struct probe *p)
{
	static const char *const names[PROBE_FILE_LOCKS] = { "flock_lock_inode",
							     "posix_lock_inode" };

	for (size_t i = 0; i < PROBE_FILE_LOCKS; i++)
		p->file_locks[i] =
			bpf_program__attach_raw_tracepoint(p->skel->progs.on_file_lock, names[i]);
}

static int probe_attach_system(struct probe *p, struct err *err)
{
	const struct {
		struct bpf_program *prog;
		struct bpf_link **link;
	} system[] = {
		{ p->skel->progs.on_switch, &p->skel->links.on_switch },
		{ p->skel->progs.on_wakeup, &p->skel->links.on_wakeup },
		{ p->skel->progs.on_waking, &p->skel->links.on_waking },
		{ p->skel->progs.on_exit, &p->skel->links.on_exit },
		{ p->skel->progs.on_exec, &p->skel->links.on_exec },
		{ p->skel->progs.on_fork, &p->skel->links.on_fork },
		{ p->skel->progs.on_each_task, &p->skel->links.on_each_task },
	};
	int r;

	for (size_t i = 0; i < N_OF(system); i++) {
		*system[i].link = bpf_program__attach(system[i].prog);
		if (!*system[i].link)
			return err__set(err, -errno,
					"cannot attach to the scheduler's tracepoint (%s): %s",
					bpf_program__section_name(system[i].prog), strerror(errno));
	}
	probe_attach_file_locks(p);
	r = probe_attach_clock(p);
	if (r)
		return err__set(err, r, "cannot set up the sampler's clock: %s", strerror(-r));
	return 0;
}

int probe__new(struct probe **ret_probe, const struct probe_opts *opts, struct err *err)
{
	_cleanup_(probe__freep) struct probe *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	r = pid_namespace__try();
	if (r == -EXDEV) {
		err__set(err, r,
			 "this is not the host's pid namespace: the kernel counts processes "
			 "otherwise here");
		return err__hint(err, r,
				 "run it on the host, or in a container that shares the host's pid "
				 "namespace");
	}
	libbpf_set_print(kernel_log__print);
	p->fixed_period_ns = opts->sample_period_ns;
	p->use_multi = !uprobes__try_multi();
	r = probe_load(p, opts, err);
	if (r)
		return r;
	r = probe_attach_system(p, err);
	if (r)
		return r;
	*ret_probe = TAKE_PTR(p);
	return 0;
}

void probe__free(struct probe *p)
{
	struct removal removal = { 0 };

	if (!p)
		return;
	for (size_t i = 0; i < p->n_attached; i++)
		uprobes__remove(&p->attached[i].uprobes, &removal);
	removal__run(&removal);
	for (size_t i = 0; i < PROBE_FILE_LOCKS; i++)
		bpf_link__destroy(p->file_locks[i]);
	free(p->attached);
	free(p->traced);
	calibrator__free(p->cost.calibrator);
	ring_buffer__free(p->ring);
	if (p->stats)
		munmap((void *)p->stats, STATS_BYTES);
	if (p->tasks)
		munmap(p->tasks, TASKS_BYTES);
	loopstall_bpf__destroy(p->skel);
	free(p);
}

int probe__fd(const struct probe *p)
{
	return ring_buffer__epoll_fd(p->ring);
}

int probe__drain(struct probe *p, event_fn fn, void *ctx)
{
	int n;

	p->event_fn = fn;
	p->event_ctx = ctx;
	p->event_err = 0;
	n = ring_buffer__consume(p->ring);
	return p->event_err ? p->event_err : n;
}

int probe__set_threshold(struct probe *p, uint64_t threshold_ns)
{
	if (!threshold_ns)
		return -EINVAL;
	set_threshold(p, threshold_ns);
	return 0;
}

void probe__set_detail(struct probe *p, const struct probe_detail *detail)
{
	probe__settings(p)->stall_price_ns =
		detail->stalls_per_s ? NS_PER_S / detail->stalls_per_s : 0;
	probe__settings(p)->sample_price_ns =
		detail->samples_per_s ? NS_PER_S / detail->samples_per_s : 0;
	probe__settings(p)->copy_price_ns =
		detail->copies_per_s ? NS_PER_S / detail->copies_per_s : LS_NO_COPIES;
}

const char *probe__transport(const struct probe *p)
{
	return p->use_multi ? "uprobe_multi" : "perf uprobe";
}

bool probe__is_multi(const struct probe *p)
{
	return p->use_multi;
}

uint64_t probe__sample_period_ns(const struct probe *p)
{
	return p->sample_period_ns;
}
