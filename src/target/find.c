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

#include "base/cleanup.h"
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

static int find_pids(wanted_fn wanted, const void *ctx, pid_t **ret_pids, size_t *ret_n)
{
	_cleanup_(dir_close) DIR *d = opendir("/proc");
	_cleanup_free_ pid_t *owned = NULL;
	struct pids pids = { 0 };
	struct dirent *e;

	if (!d)
		return -errno;
	while ((e = readdir(d))) {
		pid_t pid = isdigit((unsigned char)e->d_name[0]) ?
			(pid_t)strtol(e->d_name, NULL, 10) :
			0;
		int r = pid > 0 && wanted(pid, ctx) ? add_pid(&pids, pid) : 0;

		owned = pids.at;
		if (r)
			return r;
	}
	if (pids.n)
		qsort(pids.at, pids.n, sizeof(*pids.at), ascending);
	*ret_pids = TAKE_PTR(owned);
	*ret_n = pids.n;
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

static int list_kin(struct kin **ret_kin, size_t *ret_n)
{
	_cleanup_(dir_close) DIR *d = opendir("/proc");
	_cleanup_free_ struct kin *kin = NULL;
	size_t n = 0, size = 0;
	struct dirent *e;

	if (!d)
		return -errno;
	while ((e = readdir(d))) {
		pid_t pid = isdigit((unsigned char)e->d_name[0]) ?
			(pid_t)strtol(e->d_name, NULL, 10) :
			0;
		struct proc_stat stat;

		if (pid <= 0 || proc_stat__read(&stat, pid))
			continue;
		if (n == size) {
			struct kin *more;

			size = size ? 2 * size : 256;
			more = reallocarray(kin, size, sizeof(*kin));
			if (!more)
				return -ENOMEM;
			kin = more;
		}
		kin[n++] = (struct kin){ pid, stat.ppid };
	}
	*ret_kin = TAKE_PTR(kin);
	*ret_n = n;
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
	_cleanup_free_ struct kin *kin = NULL;
	_cleanup_free_ pid_t *owned = NULL;
	struct pids pids = { 0 };
	size_t n = 0;
	int r = list_kin(&kin, &n);

	if (!r)
		r = add_pid(&pids, pid);
	/* The list grows while it is read: children of children come behind. */
	for (size_t i = 0; !r && i < pids.n; i++)
		for (size_t k = 0; !r && k < n; k++)
			if (kin[k].parent == pids.at[i] && !is_in(&pids, kin[k].pid))
				r = add_pid(&pids, kin[k].pid);
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
