/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks over /proc: processes by command line, processes with a runtime. What vanishes on the
 * way is skipped; for lack of memory or descriptors of our own the walk fails.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/time.h"
#include "process/procfs.h"
#include "process/target.h"
#include "runtime/runtime.h"

struct pids {
	pid_t *at;
	size_t n, size;
};

/* 1: wanted, 0: not, or -errno. */
typedef int (*wanted_fn)(pid_t pid, const void *ctx);

/*
 * What reading a process returned: -errno if we are short of something or the kernel failed, 0 if
 * the process is to be skipped.
 */
static int own_shortage(int code)
{
	return limits__is_lack(code) ? code : 0;
}

static int add_pid(struct pids *pids, pid_t pid)
{
	int r = ARRAY_RESERVE(pids->at, pids->size, pids->n + 1);

	if (!r)
		pids->at[pids->n++] = pid;
	return r;
}

static int ascending(const void *a, const void *b)
{
	return *(const pid_t *)a < *(const pid_t *)b ? -1 : *(const pid_t *)a > *(const pid_t *)b;
}

/* Called for each process; a result other than 0 ends the walk and is returned. */
typedef int (*process_fn)(pid_t pid, void *ctx);

static int each_process(process_fn fn, void *ctx)
{
	_cleanup_(dir_close) DIR *d = opendir("/proc");
	struct dirent *e;
	int r = 0;

	if (!d)
		return -errno;
	while (!r && (e = readdir(d)))
		if (isdigit((unsigned char)e->d_name[0]))
			r = fn((pid_t)strtol(e->d_name, NULL, 10), ctx);
	return r;
}

struct pid_search {
	wanted_fn wanted;
	const void *ctx;
	struct pids found;
};

static int on_candidate(pid_t pid, void *ctx)
{
	struct pid_search *search = ctx;
	int r = search->wanted(pid, search->ctx);

	return r > 0 ? add_pid(&search->found, pid) : r;
}

static int find_pids(wanted_fn wanted, const void *ctx, pid_t **ret_pids, size_t *ret_n)
{
	struct pid_search search = { .wanted = wanted, .ctx = ctx };
	int r = each_process(on_candidate, &search);
	_cleanup_free_ pid_t *owned = search.found.at;

	if (r)
		return r;
	if (search.found.n)
		qsort(owned, search.found.n, sizeof(*owned), ascending);
	*ret_pids = TAKE_PTR(owned);
	*ret_n = search.found.n;
	return 0;
}

#define MAX_ANCESTORS 64

/*
 * This process and its ancestors never match: the command line of sudo in `sudo loopstall trace -n
 * NAME` holds NAME as well.
 */
struct ancestors {
	size_t n;
	pid_t pids[MAX_ANCESTORS];
};

static int find_ancestors(struct ancestors *ret_ancestors)
{
	struct proc_stat stat;

	ret_ancestors->n = 0;
	for (pid_t pid = getpid(); pid > 1 && ret_ancestors->n < MAX_ANCESTORS; pid = stat.ppid) {
		int r;

		ret_ancestors->pids[ret_ancestors->n++] = pid;
		r = proc_stat__read(&stat, pid);
		if (r < 0)
			return own_shortage(r);
	}
	return 0;
}

struct name_search {
	const char *name;
	struct ancestors ancestors;
};

static bool is_ancestor(const struct ancestors *ancestors, pid_t pid)
{
	for (size_t i = 0; i < ancestors->n; i++)
		if (ancestors->pids[i] == pid)
			return true;
	return false;
}

static int has_name(pid_t pid, const void *ctx)
{
	const struct name_search *search = ctx;
	_cleanup_free_ char *cmdline = NULL;
	int r;

	if (is_ancestor(&search->ancestors, pid))
		return 0;
	r = proc_cmdline(pid, &cmdline);
	return r < 0 ? own_shortage(r) : strstr(cmdline, search->name) != NULL;
}

int target__has_name(pid_t pid, const char *name)
{
	struct name_search search = { .name = name };
	int r = has_name(pid, &search);

	/* Called for each exec of the machine; few have the name. */
	if (r <= 0)
		return r;
	r = find_ancestors(&search.ancestors);
	return r ? r : !is_ancestor(&search.ancestors, pid);
}

/* A process with its parent. */
struct kin {
	pid_t pid, parent;
};

struct family {
	size_t n, size;
	struct kin *kin;
};

static void family__done(struct family *family)
{
	free(family->kin);
}

static int add_kin(pid_t pid, void *ctx)
{
	struct family *family = ctx;
	struct proc_stat stat;
	int r = proc_stat__read(&stat, pid);

	if (r < 0)
		return own_shortage(r);
	r = ARRAY_RESERVE(family->kin, family->size, family->n + 1);
	if (!r)
		family->kin[family->n++] = (struct kin){ pid, stat.ppid };
	return r;
}

static bool is_in(const struct pids *pids, pid_t pid)
{
	for (size_t i = 0; i < pids->n; i++)
		if (pids->at[i] == pid)
			return true;
	return false;
}

int target__find_descendants(pid_t pid, pid_t **ret_pids, size_t *ret_n)
{
	_cleanup_(family__done) struct family family = { 0 };
	_cleanup_free_ pid_t *owned = NULL;
	struct pids pids = { 0 };
	int r = each_process(add_kin, &family);

	if (!r)
		r = add_pid(&pids, pid);
	/* The list grows while it is read: it appends the children of children. */
	for (size_t i = 0; !r && i < pids.n; i++)
		for (size_t k = 0; !r && k < family.n; k++)
			if (family.kin[k].parent == pids.at[i] && !is_in(&pids, family.kin[k].pid))
				r = add_pid(&pids, family.kin[k].pid);
	owned = pids.at;
	if (r)
		return r;
	memmove(owned, owned + 1, (pids.n - 1) * sizeof(*owned));
	*ret_pids = TAKE_PTR(owned);
	*ret_n = pids.n - 1;
	return 0;
}

static int has_traces(pid_t pid, const void *ctx)
{
	_cleanup_(maps__freep) struct maps *maps = NULL;
	int r = maps__read(&maps, pid);

	(void)ctx;
	if (r < 0)
		return own_shortage(r);
	for (size_t i = 0; runtimes[i]; i++)
		if (runtimes[i]->has_traces(maps))
			return 1;
	return 0;
}

int target__has_traces(pid_t pid)
{
	return has_traces(pid, NULL);
}

int target__find_by_name(const char *name, pid_t **ret_pids, size_t *ret_n)
{
	struct name_search search = { .name = name };
	int r = *name ? find_ancestors(&search.ancestors) : -EINVAL;

	return r ? r : find_pids(has_name, &search, ret_pids, ret_n);
}

int target__find_all(pid_t **ret_pids, size_t *ret_n)
{
	return find_pids(has_traces, NULL, ret_pids, ret_n);
}

int target__age_ns(pid_t pid, uint64_t *ret_ns)
{
	struct proc_stat stat;
	uint64_t now_ns, start_ns;
	int r = proc_stat__read(&stat, pid);

	if (r < 0)
		return r;
	now_ns = time_now_ns(CLOCK_BOOTTIME);
	start_ns = stat.start_time_ticks * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
	*ret_ns = now_ns > start_ns ? now_ns - start_ns : 0;
	return 0;
}
