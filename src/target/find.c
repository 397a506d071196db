/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks over /proc: processes by command line, processes that hold a CPython. What vanishes on the way is skipped.
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
		pid_t pid = isdigit((unsigned char)e->d_name[0]) ? (pid_t)strtol(e->d_name, NULL, 10) : 0;
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

/* Neither we nor who started us: `sudo loopstall trace -n NAME` holds the name as well. */
static bool is_own(pid_t pid)
{
	return pid == getpid() || pid == getppid();
}

static bool has_name(pid_t pid, const void *ctx)
{
	_cleanup_free_ char *cmdline = NULL;

	return !is_own(pid) && !proc_cmdline(pid, &cmdline) && strstr(cmdline, ctx);
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
	return *name ? find_pids(has_name, name, ret_pids, ret_n) : -EINVAL;
}

int target__find_pythons(pid_t **ret_pids, size_t *ret_n)
{
	return find_pids(has_python, NULL, ret_pids, ret_n);
}
