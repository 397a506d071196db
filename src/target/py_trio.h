/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trio's scheduler: one generator runs the loop; its local variables, and the Runner among them, hold all there is to know.
 */
#ifndef LOOPSTALL_TARGET_PY_TRIO_H
#define LOOPSTALL_TARGET_PY_TRIO_H

#include <stdbool.h>
#include <stdint.h>

#include "target/target.h"

#define PY_TRIO_TRAPS 3

/* What trio's modules tell. */
struct py_trio {
	uint64_t module; /* dict of the one with the scheduler */
	uint64_t loop; /* code of unrolled_run(), the generator that runs the loop; it is left when the loop waits */
	uint64_t run; /* code of run(), which resumes it and waits; there is none in guest mode */
	uint64_t task_type;
	uint64_t traps[PY_TRIO_TRAPS]; /* code of the functions every wait of a task ends in; 0 until asked for */
	uint16_t loop_runner, run_runner; /* local variables `runner` of both: offsets in their frames */
	uint16_t coro, name, owner, next_send, parent_nursery; /* slots of a Task: offset */
	uint64_t nursery, nursery_task; /* the last one asked for, with its answer: most tasks are in the same one */
};

/* -ENOENT if trio is not imported. */
int py_trio__find(const struct target *t, struct py_trio *ret_trio);
void py_trio__find_traps(const struct target *t, struct py_trio *trio);

/* The Runner whose loop runs on a thread. -ENOENT if none does. */
int py_trio__runner(const struct target *t, const struct py_trio *trio, uint64_t tstate, uint64_t *ret_runner);
/* Whether the object is one, to all appearances. */
bool py_trio__is_runner(const struct target *t, uint64_t object);

/* What the kernel side needs to know of it. What cannot be told stays 0. */
void py_trio__resolve(const struct target *t, uint64_t runner, struct ls_loop *ret_loop);

/* Is it the code of a function that every wait of a task ends in? */
bool py_trio__is_trap(const struct py_trio *trio, uint64_t code);
/* The task that opened a nursery, 0 if it cannot be told. */
uint64_t py_trio__parent(const struct target *t, struct py_trio *trio, uint64_t nursery);

#endif
