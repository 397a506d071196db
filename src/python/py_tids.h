/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Thread states of the interpreter to thread ids of the kernel, in our pid namespace.
 */
#ifndef LOOPSTALL_PYTHON_PY_TIDS_H
#define LOOPSTALL_PYTHON_PY_TIDS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "process/target.h"

/* The ids of a process's threads: in its own pid namespace, and in ours. */
struct tid_pair {
	pid_t inner, outer;
};

struct tid_map {
	size_t n_threads;
	size_t n, size;
	struct tid_pair *pairs; /* by their inner ids; none if the process has our pid namespace */
};

/* Reads the ids of all threads. 0, or -errno: -ESRCH if the process has ended. */
int tid_map__read(struct tid_map *map, const struct target *t);
void tid_map__done(struct tid_map *map);
/* The id that the process itself sees of the thread with this state. 0 or -errno. */
int py_native_id(const struct target *t, uint64_t tstate, uint64_t *ret_id);
/* The id of the thread with this state; 0 if it cannot be known, -errno if we lack something. */
pid_t tid_map__of_thread(const struct tid_map *map, const struct target *t, uint64_t tstate);

/* The same by the id that the process itself sees. */
pid_t tid_map__translate(const struct tid_map *map, const struct target *t, uint64_t inner);

#endif
