/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this kernel and these privileges allow, found out by doing it. Versions are not asked:
 * distributions carry features back and take others out.
 */
#include "probe/probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/array.h"
#include "probe/loader.h"
#include "probe/namespaces.h"
#include "probe/skeleton.h"
#include "probe/uprobes.h"

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
	struct loopstall_bpf *skel = skeleton__open();
	struct bpf_link *link;
	int r;

	if (!skel)
		return -errno;
	r = loader__load(skel);
	if (!r && attach) {
		link = bpf_program__attach(skel->progs.on_switch);
		r = link ? 0 : -errno;
		bpf_link__destroy(link);
	}
	loopstall_bpf__destroy(skel);
	return r;
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
	int r = uprobes__try_multi();

	return r ? uprobes__try_perf() : 0;
}

/* The kernel's types say what it has and need no privilege; trying it does. */
static bool is_enumerated(const struct btf *btf, const char *name, const char *value)
{
	const int id = btf ? btf__find_by_name_kind(btf, name, BTF_KIND_ENUM) : -ENOENT;
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;

	for (uint32_t i = 0; type && i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_enum(type)[i].name_off) ?: "", value))
			return true;
	return false;
}

/*
 * What the programs call of the kernel that not every kernel with BTF has, and the version of Linux
 * that brought it. They hold the oldest kernel on which the programs load: "bpf" says that they do
 * not, these say why.
 */
static const struct {
	const char *name, *helper, *since, *sentence;
} needs[] = {
	{ "bpf_ringbuf", "BPF_FUNC_ringbuf_reserve", "5.8", "records go to user space" },
	{ "bpf_task_storage", "BPF_FUNC_task_storage_get", "5.11", "each thread has its state" },
	{ "bpf_timer", "BPF_FUNC_timer_init", "5.15", "threads are sampled" },
	{ "bpf_task_pt_regs", "BPF_FUNC_task_pt_regs", "5.15",
	  "registers tell in which system call a thread waits" },
	{ "bpf_attach_cookie", "BPF_FUNC_get_attach_cookie", "5.15",
	  "one program serves all kinds of probes" },
	{ "bpf_loop", "BPF_FUNC_loop", "5.17", "stacks and queues are walked" },
	{ "bpf_copy_from_user_task", "BPF_FUNC_copy_from_user_task", "5.18",
	  "what threads wait for is read as they are found" },
};

static size_t list_needs(const struct btf *btf, struct probe_feature *features)
{
	/* A kernel that describes no types may have all of it: nothing is known. */
	const size_t n = btf ? N_OF(needs) : 0;

	for (size_t i = 0; i < n; i++) {
		const bool is_there = is_enumerated(btf, "bpf_func_id", needs[i].helper);
		struct probe_feature *f = &features[i];

		*f = (struct probe_feature){
			.name = needs[i].name,
			.sentence = needs[i].sentence,
			.since = needs[i].since,
			.is_required = true,
			.status = is_there ? 0 : -ENOENT,
			.caps = "",
		};
		if (!is_there)
			snprintf(f->fix, sizeof(f->fix), "boot a kernel from %s on", f->since);
	}
	return n;
}

/* Measured: docs/privileges.md. */
#define RIGHTS "CAP_BPF,CAP_PERFMON"
#define OLD_RIGHTS RIGHTS ",CAP_SYS_ADMIN"

static const struct {
	const char *name, *sentence;
	bool is_required;
	int (*try)(void);
	const char *caps; /* with uprobe_multi */
	const char *fix;
	const char *old_caps; /* without it, if others */
} table[] = {
	{ "btf", "the kernel describes its types, so one binary fits all kernels", true, try_btf,
	  "", "boot a kernel with CONFIG_DEBUG_INFO_BTF=y (Debian's have it)", NULL },
	{ "pid_namespace", "processes have the numbers by which the kernel knows them", true,
	  pid_namespace__try, "",
	  "run it on the host, or in a container that shares the host's pid namespace", NULL },
	{ "user_namespace", "capabilities count as the kernel counts them", true,
	  user_namespace__try, "",
	  "run it outside of the user namespace: rootless containers have rights over nothing but "
	  "themselves",
	  NULL },
	{ "bpf", "the programs load", true, try_load, RIGHTS, "", NULL },
	{ "sched", "context switches tell why a thread waits", true, try_sched, RIGHTS, "", NULL },
	{ "uprobe", "probes on the step function of a process", true, try_uprobe, RIGHTS, "",
	  OLD_RIGHTS },
	{ "uprobe_multi", "many probes in one link, without CAP_SYS_ADMIN", false,
	  uprobes__try_multi, RIGHTS,
	  "boot a kernel from 6.6 on; until then probes need CAP_SYS_ADMIN", "" },
	{ "perf_uprobe", "the fall-back where uprobe_multi is missing", false, uprobes__try_perf,
	  "CAP_SYS_ADMIN", "not needed where uprobe_multi works", NULL },
};

int probe__features(struct probe_feature *features)
{
	const size_t n = N_OF(table);
	struct btf *btf = btf__load_vmlinux_btf();
	const bool is_old = !is_enumerated(btf, "bpf_attach_type", "BPF_TRACE_UPROBE_MULTI");
	size_t n_needs;

	_Static_assert(N_OF(table) + N_OF(needs) <= PROBE_MAX_FEATURES, "features");
	libbpf_set_print(silent);
	for (size_t i = 0; i < n; i++) {
		struct probe_feature *f = &features[i];

		*f = (struct probe_feature){
			.name = table[i].name,
			.sentence = table[i].sentence,
			.is_required = table[i].is_required,
			.status = table[i].try(),
			.caps = is_old && table[i].old_caps ? table[i].old_caps : table[i].caps,
		};
		if (f->status)
			snprintf(f->fix, sizeof(f->fix), "%s", table[i].fix);
	}
	n_needs = list_needs(btf, &features[n]);
	btf__free(btf);
	return n + n_needs;
}
