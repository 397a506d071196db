/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks over /proc: processes by command line, processes that hold a CPython. What vanishes on the
 * way is skipped.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "target/procfs.h"
#include "target/target.h"

struct pids {
	pid_t *at;
	size_t n, size;
};

typedef bool (*wanted_fn)(pid_t pid, const void *ctx);

static int add_pid(struct pids *pids, pid_t pid)
{
	if (pids->n == pids->size) {
		size_t size = pids->size ? 2 * pids->size : 64;
		pid_t *at = realloc(pids->at, size * sizeof(*at));

		if (!at)
			return -ENOMEM;
		pids->at = at;
		pids->size = size;
	}
	pids->at[pids->n++] = pid;
	return 0;
}

static int ascending(const void *a, const void *b)
{
	return *(const pid_t *)a < *(const pid_t *)b ? -1 : *(const pid_t *)a > *(const pid_t *)b;
}

/* Called for each process; what is not 0 ends the walk and is returned. */
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

	return search->wanted(pid, search->ctx) ? add_pid(&search->found, pid) : 0;
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

/* Neither we nor who started us: in `sudo loopstall trace -n NAME` sudo is called like that too. */
struct ancestors {
	size_t n;
	pid_t pids[MAX_ANCESTORS];
};

static void find_ancestors(struct ancestors *ret_ancestors)
{
	struct proc_stat stat;

	ret_ancestors->n = 0;
	for (pid_t pid = getpid(); pid > 1 && ret_ancestors->n < MAX_ANCESTORS; pid = stat.ppid) {
		ret_ancestors->pids[ret_ancestors->n++] = pid;
		if (proc_stat__read(&stat, pid))
			return;
	}
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

static bool has_name(pid_t pid, const void *ctx)
{
	const struct name_search *search = ctx;
	_cleanup_free_ char *cmdline = NULL;

	return !is_ancestor(&search->ancestors, pid) && !proc_cmdline(pid, &cmdline) &&
		strstr(cmdline, search->name);
}

bool target__has_name(pid_t pid, const char *name)
{
	struct name_search search = { .name = name };

	find_ancestors(&search.ancestors);
	return has_name(pid, &search);
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

	if (proc_stat__read(&stat, pid))
		return 0;
	if (family->n == family->size) {
		size_t size = family->size ? 2 * family->size : 256;
		struct kin *kin = reallocarray(family->kin, size, sizeof(*kin));

		if (!kin)
			return -ENOMEM;
		family->kin = kin;
		family->size = size;
	}
	family->kin[family->n++] = (struct kin){ pid, stat.ppid };
	return 0;
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
	/* The list grows while it is read: children of children come behind. */
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

static bool has_python(pid_t pid, const void *ctx)
{
	_cleanup_(maps__freep) struct maps *maps = NULL;

	(void)ctx;
	return !maps__read(&maps, pid) &&
		(maps__find_name(maps, "libpython3") || maps__find_name(maps, "python3") ||
		 maps__find_part(maps, "/lib-dynload/"));
}

int target__find_by_name(const char *name, pid_t **ret_pids, size_t *ret_n)
{
	struct name_search search = { .name = name };

	if (!*name)
		return -EINVAL;
	find_ancestors(&search.ancestors);
	return find_pids(has_name, &search, ret_pids, ret_n);
}

int target__find_pythons(pid_t **ret_pids, size_t *ret_n)
{
	return find_pids(has_python, NULL, ret_pids, ret_n);
}

int target__age_ns(pid_t pid, uint64_t *ret_ns)
{
	struct proc_stat stat;
	uint64_t now_ns, start_ns;
	int r = proc_stat__read(&stat, pid);

	if (r < 0)
		return r;
	now_ns = time_now_ns(CLOCK_BOOTTIME);
	start_ns = stat.start_time_ticks * (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
	*ret_ns = now_ns > start_ns ? now_ns - start_ns : 0;
	return 0;
}
