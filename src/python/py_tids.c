/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources: cpython Include/cpython/pystate.h (native_thread_id), the C library's thread structure,
 * proc(5) (NSpid).
 */
#include "python/py_tids.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "arch/arch.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "process/procfs.h"
#include "python/py_memory.h"
#include "python/py_source.h"
#include "python/python.h"

#define MAX_THREADS 4096
/* The first minor version whose thread states have a native thread id. */
#define MINOR_WITH_NATIVE_ID 11

int tid_map__read(struct tid_map *map, const struct target *t)
{
	_cleanup_(dir_close) DIR *d = NULL;
	struct dirent *e;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/task", t->pid);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? -ESRCH : -errno;
	while ((e = readdir(d)) && map->n < MAX_THREADS) {
		struct proc_status status;
		pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);
		int r;

		if (tid <= 0)
			continue;
		r = proc_status__read(&status, t->pid, tid);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			continue;
		r = ARRAY_RESERVE(map->pairs, map->size, map->n + 1);
		if (r)
			return r;
		map->pairs[map->n++] =
			(struct tid_pair){ status.ns_pid ? status.ns_pid : tid, tid };
	}
	return 0;
}

void tid_map__done(struct tid_map *map)
{
	free(map->pairs);
}

static pid_t translate(const struct tid_map *map, uint64_t inner)
{
	for (size_t i = 0; i < map->n; i++)
		if ((uint64_t)map->pairs[i].inner == inner)
			return map->pairs[i].outer;
	return 0;
}

/* Up to 3.10 only the C library knows the kernel's id: it is in its own thread structure. */
pid_t tid_map__of_thread(const struct tid_map *map, const struct target *t, uint64_t tstate)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	uint64_t pthread, native;
	uint32_t tid;

	if (py->tstate_native_id != LS_PY_NONE)
		return py_read_u64(t, tstate + py->tstate_native_id, &native) ?
			0 :
			translate(map, native);
	if (py_read_u64(t, tstate + py->tstate_thread_id, &pthread) ||
	    py_read_u32(t, pthread + arch.pthread_tid_offset, &tid))
		return 0;
	return translate(map, tid);
}

/*
 * `id` is what the kernel side read from the thread state: the native thread id, or up to 3.10 a
 * pthread_t. At the place of the id in glibc's struct pthread, other C libraries have another
 * field.
 */
int py_thread_tid(const struct frame_source *s, uint64_t tstate, uint64_t id, uint32_t *ret_tid)
{
	int32_t tid;
	int r;

	(void)tstate;
	if (id == 0)
		return -ENOENT;
	if (py_source__layout(s)->minor >= MINOR_WITH_NATIVE_ID) {
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
