/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tasks of one look that perhaps wait for ever: shared by the files of py_forgotten.h.
 */
#ifndef LOOPSTALL_PYTHON_PY_FORGOTTEN_IMPL_H
#define LOOPSTALL_PYTHON_PY_FORGOTTEN_IMPL_H

#include "python/addr_map.h"
#include "python/py_deadlock.h"
#include "python/py_forgotten.h"
#include "python/py_values.h"

/* A task that perhaps waits so. */
struct wait {
	size_t task;
	uint64_t owner; /* 0: none. All that wait for one thing have the same */
	uint64_t object; /* what the task itself calls; the owner, or what has it */
	uint64_t lot; /* of trio: where the tasks of an owner wait, which has it; 0: none */
	bool is_trio;
};

struct finder {
	struct py_task_reader *r;
	struct py_values values;
	struct py_timeouts *timeouts;
	size_t n, size;
	struct wait *waits;
	struct addr_map roles; /* of code objects in trio, plus 1 */
	struct addr_map
		attributes; /* of objects of trio: the state of a channel, the lot of others */
	size_t slow_reads;
	int error;
};

/* 0 if it cannot be read. */
uint64_t py_forgotten__word(struct finder *f, uint64_t addr);
uint32_t py_forgotten__references(struct finder *f, uint64_t object);
/* Whether there are weak references to it, by which somebody may still reach it. */
bool py_forgotten__is_weakly_known(struct finder *f, uint64_t object);
/* Adds one. 0 or -ENOMEM. */
int py_forgotten__add(struct finder *f, const struct wait *wait);

/* Adds the wait of a task of trio, if it is one. 0 or -ENOMEM. */
int py_forgotten__look_at_trio(struct finder *f, size_t i);
/* Whether all references to what these tasks of trio wait for are their own. */
bool py_forgotten__is_left_by_trio(struct finder *f, const struct wait *waits, size_t n);
/* The same of pages that were read anew. */
bool py_forgotten__is_still_in_trio(struct finder *f, const struct wait *waits, size_t n);
/* One that the program itself runs, or trio: it may wait for a signal. */
bool py_forgotten__is_main_of_trio(struct finder *f, const struct py_raw_task *raw);
/* Both of values and of what the managers on the stack hold. */
void py_forgotten__count(struct finder *f, const struct py_await_link *link, uint64_t object,
			 size_t *n);

#endif
