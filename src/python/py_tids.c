/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources: cpython Include/cpython/pystate.h (native_thread_id), the C library's thread structure,
 * proc(5) (NSpid).
 */
#include "python/py_tids.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "arch/arch.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/work.h"
#include "process/procfs.h"
#include "python/py_memory.h"
#include "python/py_source.h"
#include "python/python.h"

/* The first minor version whose thread states have a native thread id. */
#define MINOR_WITH_NATIVE_ID 11

static int add_pair(struct tid_map *map, const struct target *t, pid_t tid)
{
	struct proc_status status;
	int r = proc_status__read(&status, t->pid, tid);

	if (r < 0)
		return limits__is_lack(r) ? r : 0;
	r = ARRAY_RESERVE(map->pairs, map->size, map->n + 1);
	if (r)
		return r;
	map->pairs[map->n++] = (struct tid_pair){ status.ns_pid ? status.ns_pid : tid, tid };
	return 0;
}

static int by_inner_id(const void *a, const void *b)
{
	const struct tid_pair *x = a, *y = b;

	return (x->inner > y->inner) - (x->inner < y->inner);
}

static int read_pairs(struct tid_map *map, const struct target *t, const char *path)
{
	_cleanup_(dir_close) DIR *d = opendir(path);
	struct dirent *e;
	int r = d ? 0 : -errno;

	while (!r && (e = readdir(d))) {
		const pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);

		r = tid > 0 ? add_pair(map, t, tid) : 0;
		if (!r)
			r = work_check();
	}
	array__sort(map->pairs, map->n, sizeof(*map->pairs), by_inner_id);
	return r == -ENOENT ? -ESRCH : r;
}

int tid_map__read(struct tid_map *map, const struct target *t)
{
	struct stat st;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/task", t->pid);
	if (stat(path, &st))
		return errno == ENOENT ? -ESRCH : -errno;
	map->n_threads = st.st_nlink > 2 ? st.st_nlink - 2 : 0;
	return t->shares_pids ? 0 : read_pairs(map, t, path);
}

void tid_map__done(struct tid_map *map)
{
	free(map->pairs);
}

pid_t tid_map__translate(const struct tid_map *map, const struct target *t, uint64_t inner)
{
	const struct tid_pair key = { .inner = (pid_t)inner };
	const struct tid_pair *pair;
	int r;

	if (!inner || inner > INT32_MAX)
		return 0;
	if (t->shares_pids) {
		r = proc_find_thread(t->pid, (uint32_t)key.inner);
		if (!r)
			return key.inner;
		return limits__is_lack(r) ? r : 0;
	}
	pair = map->n ? bsearch(&key, map->pairs, map->n, sizeof(key), by_inner_id) : NULL;
	return pair ? pair->outer : 0;
}

/* Up to 3.10 only the C library knows the kernel's id: it is in its own thread structure. */
int py_native_id(const struct target *t, uint64_t tstate, uint64_t *ret_id)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint64_t pthread;
	uint32_t tid = 0;
	int r;

	if (py->tstate_native_id != LS_PY_NONE)
		return py_read_u64(t, tstate + py->tstate_native_id, ret_id);
	r = py_read_u64(t, tstate + py->tstate_thread_id, &pthread);
	if (!r)
		r = py_read_u32(t, pthread + arch.pthread_tid_offset, &tid);
	*ret_id = tid;
	return r;
}

pid_t tid_map__of_thread(const struct tid_map *map, const struct target *t, uint64_t tstate)
{
	uint64_t id;
	const int r = py_native_id(t, tstate, &id);

	if (r)
		return limits__is_lack(r) ? r : 0;
	return tid_map__translate(map, t, id);
}

/*
 * `id` is what the kernel side read from the thread state: the native thread id, or up to 3.10 a
 * pthread_t; without a thread state it is the kernel's. At the place of the id in glibc's struct
 * pthread, other C libraries have another field.
 */
int py_thread_tid(const struct frame_source *s, uint64_t tstate, uint64_t id, uint32_t *ret_tid)
{
	int32_t tid;
	int r;

	if (id == 0)
		return -ENOENT;
	if (!tstate || py_source__layout(s)->minor >= MINOR_WITH_NATIVE_ID) {
		if (id > INT32_MAX)
			return -ENOENT;
		*ret_tid = (uint32_t)id;
		return 1;
	}
	r = py_source__read(s, id + arch.pthread_tid_offset, &tid, sizeof(tid));
	if (r < 0)
		return r;
	if (tid <= 0)
		return -ENOENT;
	*ret_tid = (uint32_t)tid;
	return 0;
}
