/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the tasks of a process, and reads what each holds, while the process runs.
 */
#ifndef LOOPSTALL_PYTHON_PY_TASK_READER_H
#define LOOPSTALL_PYTHON_PY_TASK_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/target.h"
#include "python/py_pages.h"
#include "python/py_trio.h"
#include "python/py_types.h"
#include "python/py_waiters.h"

#define PY_FUTURE_PENDING 0
#define PY_FUTURE_FINISHED 2

/* What the task itself holds. */
struct py_raw_task {
	uint64_t task, loop, coro, name, fut_waiter;
	bool is_python;
	bool is_trio, is_scheduled; /* is_scheduled: set for trio's tasks only */
	uint64_t nursery; /* of trio's */
	/* the next two are of asyncio's in C: a cancellation that did not begin yet, and how many
	 * were asked for (from 3.11 on) */
	bool must_cancel;
	uint32_t n_cancels;
	struct py_callbacks callbacks; /* of asyncio's in C */
};

struct py_task_reader {
	const struct target *t;
	struct py_pages *pages;
	struct py_types types;
	struct py_waiters waiters;
	bool has_trio;
	struct py_trio trio;
	size_t n_members, size;
	uint64_t *members; /* objects in the sets: weak references, or tasks */
	size_t n_alive;
	struct py_raw_task *alive;
};

/* `r` is all zero before. 0 or -errno. */
int py_task_reader__init(struct py_task_reader *r, const struct target *t);
void py_task_reader__done(struct py_task_reader *r);

/*
 * Lists what may be a task in r->members. 0, -ENOENT if the process has neither library, as far as
 * can be seen, or -errno.
 */
int py_task_reader__list(struct py_task_reader *r);
bool py_task_reader__is_trio(struct py_task_reader *r, uint64_t task);
/*
 * The exception of a task of asyncio's that is done, at which nobody has looked; 0 if there is
 * none.
 */
uint64_t py_task_reader__lost_exception(struct py_task_reader *r, uint64_t task);
/* False if it is no task, or is done. */
bool py_task_reader__read(struct py_task_reader *r, uint64_t task, struct py_raw_task *raw);
/*
 * Whether it is a task written in Python that runs this coroutine. Called for very many coroutines.
 */
bool py_task_reader__runs(struct py_task_reader *r, uint64_t task, uint64_t coro);
/* Lists and reads all tasks that are not done, into r->alive. 0 or -errno. */
int py_task_reader__read_alive(struct py_task_reader *r);

#endif
