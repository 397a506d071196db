/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trio's scheduler: one generator runs the loop; its local variables, one of which is the Runner,
 * hold the whole state.
 */
#ifndef LOOPSTALL_PYTHON_PY_TRIO_H
#define LOOPSTALL_PYTHON_PY_TRIO_H

#include <stdbool.h>
#include <stdint.h>

#include "process/target.h"

#define PY_TRIO_TRAPS 3

/* What is read from trio's modules. */
struct py_trio {
	uint64_t module; /* dict of the one with the scheduler */
	/*
	 * code of unrolled_run(), the generator that runs the loop; it is left when the loop waits
	 */
	uint64_t loop;
	uint64_t run; /* code of run(), which resumes it and waits; there is none in guest mode */
	uint64_t task_type;
	/* code of the functions every wait of a task ends in; 0 until asked for */
	uint64_t traps[PY_TRIO_TRAPS];
	/* local variables `runner` of both: offsets in their frames */
	uint16_t loop_runner, run_runner;
	/* slots of a Task: offset */
	uint16_t coro, name, owner, next_send, parent_nursery, sleep_data, abort;
	/* the last one asked for, with its answer: most tasks are in the same one */
	uint64_t nursery, nursery_task;
};

/* -ENOENT if trio is not imported. */
int py_trio__find(const struct target *t, struct py_trio *ret_trio);
void py_trio__find_traps(const struct target *t, struct py_trio *trio);

/* The Runner whose loop runs on a thread. -ENOENT if none does. */
int py_trio__runner(const struct target *t, const struct py_trio *trio, uint64_t tstate,
		    uint64_t *ret_runner);
/*
 * The frame of the generator that runs the loop of a thread, and the Runner whose loop that is.
 * -ENOENT if it runs none, or waits.
 */
int py_trio__loop_frame(const struct target *t, const struct py_trio *trio, uint64_t tstate,
			uint64_t *ret_frame, uint64_t *ret_runner);
/* Whether the object is one, to all appearances. */
bool py_trio__is_runner(const struct target *t, uint64_t object);

/* Fills in what the kernel side needs. What cannot be found stays 0. */
void py_trio__resolve(const struct target *t, uint64_t runner, struct ls_loop *ret_loop);

/* How many frames, the innermost first, are of functions that every wait of a task ends in; the
 * last frame of all is none of them. */
size_t py_trio__count_traps(const struct py_trio *trio, const struct ls_frame *frames, size_t n);
/* The task that opened a nursery, 0 if not known. */
uint64_t py_trio__parent(const struct target *t, struct py_trio *trio, uint64_t nursery);

#endif
