/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this kernel and these privileges allow, found out by doing it. Versions are not asked: distributions
 * carry features back and take others out.
 */
#include "probe/probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "loopstall.skel.h"

#include "probe/pid_namespace.h"
#include "probe/sampler.h"
#include "probe/uprobes.h"

#define FIX_RIGHTS "run as root, or: setcap cap_bpf,cap_perfmon,cap_sys_ptrace+ep on the program"

static int silent(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level;
	(void)fmt;
	(void)args;
	return 0;
}

static int try_btf(void)
{
	return access("/sys/kernel/btf/vmlinux", R_OK) ? -errno : 0;
}

/* The programs as they are, attached to the scheduler for a moment. */
static int try_programs(bool attach)
{
	struct loopstall_bpf *skel = loopstall_bpf__open();
	struct bpf_link *link;
	int code;

	if (!skel)
		return -errno;
	code = loopstall_bpf__load(skel);
	if (!code && attach) {
		link = bpf_program__attach(skel->progs.on_switch);
		code = link ? 0 : -errno;
		bpf_link__destroy(link);
	}
	loopstall_bpf__destroy(skel);
	return code;
}

static int try_load(void)
{
	return try_programs(false);
}

static int try_sched(void)
{
	return try_programs(true);
}

static int try_uprobe(void)
{
	int code = uprobes__try_multi();

	return code ? uprobes__try_perf() : 0;
}

static const struct {
	const char *name, *sentence;
	bool is_required;
	int (*try)(void);
	const char *fix;
} table[] = {
	{ "btf", "the kernel describes its types, so one binary fits all kernels", true, try_btf,
	  "boot a kernel with CONFIG_DEBUG_INFO_BTF=y (Debian's have it)" },
	{ "pid_namespace", "processes have the numbers by which the kernel knows them", true, pid_namespace__try,
	  "run it on the host, or in a container that shares the host's pid namespace" },
	{ "bpf", "the programs load", true, try_load, FIX_RIGHTS },
	{ "sched", "context switches tell why a thread waits", true, try_sched, FIX_RIGHTS },
	{ "uprobe", "probes on the step function of a process", true, try_uprobe, FIX_RIGHTS },
	{ "uprobe_multi", "many probes in one link, without CAP_SYS_ADMIN", false, uprobes__try_multi,
	  "boot a kernel from 6.6 on; until then probes need CAP_SYS_ADMIN" },
	{ "perf_uprobe", "the fall-back where uprobe_multi is missing", false, uprobes__try_perf,
	  "run as root (CAP_SYS_ADMIN); not needed where uprobe_multi works" },
	/* Debian's kernels know a level 3, at which CAP_PERFMON is not enough, and begin with it. */
	{ "sampler", "the CPU clock samples where a step computes", false, sampler__try,
	  "give CAP_PERFMON and sysctl kernel.perf_event_paranoid=2, or CAP_SYS_ADMIN; without it the line of computing is not known" },
};

int probe__features(struct probe_feature *features)
{
	size_t n = sizeof(table) / sizeof(table[0]);

	_Static_assert(sizeof(table) / sizeof(table[0]) <= PROBE_MAX_FEATURES, "features");
	libbpf_set_print(silent);
	for (size_t i = 0; i < n; i++) {
		struct probe_feature *f = &features[i];

		*f = (struct probe_feature){
			.name = table[i].name,
			.sentence = table[i].sentence,
			.is_required = table[i].is_required,
			.status = table[i].try(),
		};
		if (f->status)
			snprintf(f->fix, sizeof(f->fix), "%s", table[i].fix);
	}
	return n;
}
