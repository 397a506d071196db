/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Life cycle of the kernel side: open, set, load, attach; then the maps and the ring behind accessors.
 */
#include "probe/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loopstall.skel.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/time.h"
#include "probe/clock.h"
#include "probe/cost.h"
#include "probe/ended.h"
#include "probe/live.h"
#include "probe/namespaces.h"
#include "probe/spot_programs.h"
#include "probe/syscall_rules.h"
#include "probe/tasks.h"
#include "probe/uprobes.h"
#include "stream/event.h"

#define CALIBRATE_PACE_NS 1000000000ULL
#define SECOND_NS 1000000000ULL
#define TASKS_BYTES (LS_MAX_TASKS * sizeof(struct ls_task))
#define STATS_BYTES (LS_MAX_COROUTINES * sizeof(struct ls_coro_stats))

_Static_assert(sizeof(struct ls_coro_stats) % 8 == 0, "an array map rounds its elements up to 8 bytes");

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
	struct ls_task *tasks; /* LS_MAX_TASKS of them; mapped when they are counted for the first time, till then NULL */
	struct bpf_program *spot_progs[LS_SPOT_MAX];
	bool use_multi;
	uint64_t fixed_period_ns; /* the sampler's, if it does not go with the threshold; else 0 */
	uint64_t sample_period_ns;
	struct clock clock;
	struct cost cost;
	size_t n_attached;
	struct attached *attached;
	uint64_t bad_records;
	/* for the time of one drain */
	event_fn event_fn;
	void *event_ctx;
	int event_err;
};

#define LIBRARY_LINES 12

/* The verifier's log comes as one text of many lines: what it stumbled over is at the end. */
static const char *last_lines(const char *text)
{
	const char *p = text + strlen(text);

	for (int n = 0; p > text; p--)
		if (p[-1] == '\n' && n++ == LIBRARY_LINES)
			break;
	return p;
}

static int print_to_log(enum libbpf_print_level level, const char *fmt, va_list args)
{
	_cleanup_free_ char *text = NULL;
	char *rest, *line;

	/* The library's own words are detail: ours come first, and from the caller. */
	if (level == LIBBPF_DEBUG || !log_level_enabled(LOG_DEBUG) || vasprintf(&text, fmt, args) < 0)
		return 0;
	rest = (char *)last_lines(text);
	while ((line = strsep(&rest, "\n")))
		if (*line)
			log_debug("libbpf: %s", line);
	return 0;
}

static int err_from_load(struct err *err, int code)
{
	if (code == -EPERM || code == -EACCES) {
		err__set(err, code, "the kernel refuses the BPF programs: %s", strerror(-code));
		/* Which capability it is that is missing, the caller tells. */
		if (user_namespace__try() != -EXDEV)
			return code;
		return err__hint(err, code,
				 "this is a user namespace (a rootless container?), in which no capability "
				 "counts: run it outside");
	}
	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		err__set(err, code, "this kernel describes no types: /sys/kernel/btf/vmlinux is missing");
		return err__hint(err, code, "run a kernel built with CONFIG_DEBUG_INFO_BTF=y; Debian's are");
	}
	err__set(err, code, "the kernel does not load the BPF programs: %s", strerror(-code));
	return err__hint(err, code, "`loopstall doctor` tells what this kernel lacks, -v shows its own words");
}

/* Five samples in the shortest stall name its line; more often than each millisecond would cost too much. */
static uint64_t choose_sample_period_ns(uint64_t threshold_ns)
{
	uint64_t period_ns = threshold_ns / 5;

	if (period_ns < 1000000)
		return 1000000;
	return period_ns > 2000000 ? 2000000 : period_ns;
}

static volatile struct ls_settings *settings_of(const struct probe *p)
{
	return &p->skel->data->settings;
}

/* The programs may run meanwhile: each reads a value once for what it decides. */
static void set_threshold(struct probe *p, uint64_t threshold_ns)
{
	const uint64_t shortest_ns = threshold_ns / 4;

	p->sample_period_ns = p->fixed_period_ns ? p->fixed_period_ns : choose_sample_period_ns(threshold_ns);
	settings_of(p)->threshold_ns = threshold_ns;
	settings_of(p)->light_threshold_ns = threshold_ns > PROBE_LIGHT_SHORTEST_NS ? threshold_ns : PROBE_LIGHT_SHORTEST_NS;
	settings_of(p)->sample_period_ns = p->sample_period_ns;
	settings_of(p)->sample_after_ns = p->sample_period_ns < shortest_ns ? p->sample_period_ns : shortest_ns;
}

void probe__set_light(struct probe *p, bool is_light)
{
	settings_of(p)->light_since_ns = time_now_ns(CLOCK_MONOTONIC);
	settings_of(p)->is_light = is_light;
}

bool probe__is_light(const struct probe *p)
{
	return settings_of(p)->is_light;
}

uint64_t probe__light_threshold_ns(const struct probe *p)
{
	return settings_of(p)->light_threshold_ns;
}

static int on_record(void *ctx, void *data, size_t size)
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

static int probe_load(struct probe *p, const struct probe_opts *opts, struct err *err)
{
	struct loopstall_bpf *skel = loopstall_bpf__open();
	const int n_cpus = libbpf_num_possible_cpus();
	void *stats;
	int code;

	if (!skel)
		return err_from_load(err, -errno);
	p->skel = skel;
	set_threshold(p, opts->threshold_ns);
	settings_of(p)->is_following = opts->is_following;
	settings_of(p)->tells_execs = opts->tells_execs;
	probe__set_light(p, opts->is_light);
	syscall_rules__fill((uint8_t *)skel->rodata->syscall_rules);
	spot_programs(skel, p->spot_progs);
	if (p->use_multi)
		for (size_t kind = 0; kind < LS_SPOT_MAX; kind++)
			bpf_program__set_expected_attach_type(p->spot_progs[kind], UPROBE_MULTI_ATTACH_TYPE);
	code = loopstall_bpf__load(skel);
	if (code)
		return err_from_load(err, code);
	p->ring = ring_buffer__new(bpf_map__fd(skel->maps.ring), on_record, p, NULL);
	if (!p->ring)
		return err__set(err, -errno, "cannot map the ring buffer: %s", strerror(errno));
	stats = mmap(NULL, STATS_BYTES, PROT_READ, MAP_SHARED, bpf_map__fd(skel->maps.coroutine_stats), 0);
	if (stats == MAP_FAILED)
		return err__set(err, -errno, "cannot map the coroutines' counters: %s", strerror(errno));
	p->stats = stats;
	p->clock = (struct clock){
		.settings = settings_of(p), .n_clocks = &skel->bss->n_clocks, .trial_ticks = &skel->bss->trial_ticks
	};
	p->cost.meters = skel->bss->meters;
	p->cost.n_rows = n_cpus < 0 || n_cpus > LS_METER_CPUS ? LS_METER_CPUS : n_cpus;
	return 0;
}

static int probe_attach_system(struct probe *p, struct err *err)
{
	const struct {
		struct bpf_program *prog;
		struct bpf_link **link;
	} system[] = {
		{ p->skel->progs.on_switch, &p->skel->links.on_switch },
		{ p->skel->progs.on_wakeup, &p->skel->links.on_wakeup },
		{ p->skel->progs.on_exit, &p->skel->links.on_exit },
		{ p->skel->progs.on_exec, &p->skel->links.on_exec },
		{ p->skel->progs.on_fork, &p->skel->links.on_fork },
		{ p->skel->progs.on_setup, &p->skel->links.on_setup },
		{ p->skel->progs.on_each_task, &p->skel->links.on_each_task },
	};
	int code;

	for (size_t i = 0; i < sizeof(system) / sizeof(system[0]); i++) {
		*system[i].link = bpf_program__attach(system[i].prog);
		if (!*system[i].link)
			return err__set(err, -errno, "cannot attach to the scheduler's tracepoint (%s): %s",
					bpf_program__section_name(system[i].prog), strerror(errno));
	}
	code = clock__set_up(&p->clock);
	if (code)
		return err__set(err, code, "cannot set up the sampler's clock: %s", strerror(-code));
	return 0;
}

int probe__new(struct probe **ret_probe, const struct probe_opts *opts, struct err *err)
{
	_cleanup_(probe__freep) struct probe *p = calloc(1, sizeof(*p));
	int code;

	if (!p)
		return -ENOMEM;
	code = pid_namespace__try();
	if (code == -EXDEV) {
		err__set(err, code, "this is not the host's pid namespace: the kernel counts processes otherwise here");
		return err__hint(err, code, "run it on the host, or in a container that shares the host's pid namespace");
	}
	libbpf_set_print(print_to_log);
	p->fixed_period_ns = opts->sample_period_ns;
	p->use_multi = !uprobes__try_multi();
	code = probe_load(p, opts, err);
	if (code)
		return code;
	code = probe_attach_system(p, err);
	if (code)
		return code;
	*ret_probe = TAKE_PTR(p);
	return 0;
}

void probe__free(struct probe *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_attached; i++)
		uprobes__done(&p->attached[i].uprobes);
	free(p->attached);
	calibrator__free(p->cost.calibrator);
	ring_buffer__free(p->ring);
	if (p->stats)
		munmap((void *)p->stats, STATS_BYTES);
	if (p->tasks)
		munmap(p->tasks, TASKS_BYTES);
	loopstall_bpf__destroy(p->skel);
	free(p);
}

static bool is_attached(const struct probe *p, pid_t pid, const struct target_module *module)
{
	for (size_t i = 0; i < p->n_attached; i++)
		if (p->attached[i].pid == pid && p->attached[i].dev == module->dev &&
		    p->attached[i].ino == module->ino)
			return true;
	return false;
}

static int attach_module(struct probe *p, const struct target *t, const struct target_module *module, struct err *err)
{
	struct attached *attached;
	struct uprobes uprobes;
	int code;

	if (is_attached(p, t->pid, module))
		return 0;
	attached = reallocarray(p->attached, p->n_attached + 1, sizeof(*attached));
	if (!attached)
		return -ENOMEM;
	p->attached = attached;
	code = uprobes__attach(&uprobes, p->spot_progs, p->use_multi, t->pid, module);
	if (code) {
		uprobes__done(&uprobes);
		err__set(err, code, "cannot put probes on %s of process %d: %s", module->path, t->pid,
			 strerror(-code));
		if ((code == -EPERM || code == -EACCES) && !p->use_multi)
			err__hint(err, code, "this kernel's uprobes need CAP_SYS_ADMIN: run it as root");
		return code;
	}
	attached[p->n_attached++] = (struct attached){
		.pid = t->pid, .dev = module->dev, .ino = module->ino, .uprobes = uprobes
	};
	return 0;
}

int probe__put_uprobes(struct probe *p, const struct target *t, struct err *err)
{
	if (t->proc.is_light)
		return 0;
	for (size_t i = 0; i < t->n_modules; i++) {
		int code = attach_module(p, t, &t->modules[i], err);

		if (code)
			return code;
	}
	return 0;
}

void probe__take_uprobes(struct probe *p, pid_t pid)
{
	for (size_t i = 0; i < p->n_attached;) {
		if (p->attached[i].pid == pid) {
			uprobes__done_aside(&p->attached[i].uprobes);
			p->attached[i] = p->attached[--p->n_attached];
		} else {
			i++;
		}
	}
}

int probe__attach(struct probe *p, const struct target *t, struct err *err)
{
	uint32_t tgid = t->pid;

	/* The configuration first: the first step must find it. */
	if (bpf_map_update_elem(bpf_map__fd(p->skel->maps.procs), &tgid, &t->proc, BPF_ANY))
		return err__set(err, -errno, "cannot watch process %d: %s", t->pid,
				errno == E2BIG ? "too many processes are watched" : strerror(errno));
	return probe__is_light(p) ? 0 : probe__put_uprobes(p, t, err);
}

int probe__follow(struct probe *p, pid_t pid)
{
	const struct ls_proc nothing = { 0 };
	uint32_t tgid = pid;

	if (!bpf_map_update_elem(bpf_map__fd(p->skel->maps.procs), &tgid, &nothing, BPF_NOEXIST) || errno == EEXIST)
		return 0;
	return -errno;
}

void probe__detach(struct probe *p, pid_t pid)
{
	uint32_t tgid = pid;

	probe__take_uprobes(p, pid);
	bpf_map_delete_elem(bpf_map__fd(p->skel->maps.procs), &tgid);
	if (p->tasks)
		tasks__forget(p->tasks, tgid);
}

void probe_nudge_thread(pid_t tid)
{
	clock_nudge_aside(tid);
}

void probe__forget_thread(struct probe *p, pid_t tid)
{
	const uint32_t key = tid;

	bpf_map_delete_elem(bpf_map__fd(p->skel->maps.loop_threads), &key);
}

int probe__set_loop_thread(struct probe *p, pid_t pid, const struct target_loop_thread *thread)
{
	const struct ls_loop_thread found = { .loop = thread->loop, .tstate = thread->tstate, .tgid = pid };
	const uint32_t tid = thread->tid;

	return bpf_map_update_elem(bpf_map__fd(p->skel->maps.loop_threads), &tid, &found, BPF_ANY) ? -errno : 0;
}

int probe__make_threads(struct probe *p)
{
	_cleanup_fd_ int fd = bpf_iter_create(bpf_link__fd(p->skel->links.on_each_task));
	char byte;

	if (fd < 0)
		return fd;
	while (read(fd, &byte, 1) > 0)
		;
	return 0;
}

int probe__set_loop(struct probe *p, pid_t pid, uint64_t loop, const struct ls_loop *info)
{
	const struct ls_loop_key key = { .loop = loop, .tgid = pid };

	return bpf_map_update_elem(bpf_map__fd(p->skel->maps.loops), &key, info, BPF_ANY) ? -errno : 0;
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
		int code = p->stats[i].steps || p->stats[i].total_ns ? fn(ctx, &p->stats[i].key, &p->stats[i]) : 0;

		if (code)
			return code;
	}
	return 0;
}

int probe__each_thread(struct probe *p, probe_thread_fn fn, void *ctx)
{
	int fd = bpf_map__fd(p->skel->maps.thread_stats);
	struct ls_thread_stats stats;
	uint64_t key, *previous = NULL, next;

	while (!bpf_map_get_next_key(fd, previous, &next)) {
		int code = bpf_map_lookup_elem(fd, &next, &stats) ?
				   0 :
				   fn(ctx, next >> 32, (uint32_t)next, &stats);

		if (code)
			return code;
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
	return 0;
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
	settings_of(p)->stall_price_ns = detail->stalls_per_s ? SECOND_NS / detail->stalls_per_s : 0;
	settings_of(p)->sample_price_ns = detail->samples_per_s ? SECOND_NS / detail->samples_per_s : 0;
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

	settings_of(p)->is_counting_tasks = false;
	if (!is_on)
		return 0;
	if (!p->tasks) {
		tasks = mmap(NULL, TASKS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(p->skel->maps.tasks), 0);
		if (tasks == MAP_FAILED)
			return -errno;
		p->tasks = tasks;
	}
	tasks__forget(p->tasks, 0);
	settings_of(p)->is_counting_tasks = true;
	return 0;
}

int probe__each_task(struct probe *p, probe_task_fn fn, void *ctx)
{
	return p->tasks ? tasks__each(p->tasks, fn, ctx) : 0;
}

int probe__live(const struct probe *p, int pidfd, struct probe_live *ret)
{
	uint32_t coroutine;
	int code;

	code = live__read(bpf_map__fd(p->skel->maps.threads), pidfd, ret, &coroutine);
	if (code)
		return code;
	if (coroutine < LS_MAX_COROUTINES && p->stats[coroutine].key.code == ret->code)
		ret->qualname = p->stats[coroutine].qualname;
	return 0;
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

uint64_t probe__run_time_ns(const struct probe *p)
{
	struct bpf_program *prog;
	uint64_t sum_ns = 0;

	bpf_object__for_each_program(prog, p->skel->obj) {
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
	int code = calibrator__new(&calibrator, p->use_multi, &p->clock);

	if (code)
		return code;
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
