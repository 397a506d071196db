/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a task's coroutine down to what it waits for: the chain of coroutines and generators that
 * await one another, as frames.
 */
#ifndef LOOPSTALL_PYTHON_PY_AWAITS_H
#define LOOPSTALL_PYTHON_PY_AWAITS_H

#include <stdbool.h>
#include <stdint.h>

#include "python/py_pages.h"
#include "python/py_types.h"
#include "process/target.h"

/* See struct target_task. */
struct py_awaits {
	uint64_t code, qualname;
	bool is_cut;
	uint8_t n_frames;
	struct ls_frame frames[TARGET_TASK_FRAMES];
};

/*
 * Without frames, and with code and qualname 0, if `coro` is no coroutine or generator of Python.
 * Returns whether the coroutine runs at this moment.
 */
bool py_awaits__read(struct py_types *types, uint64_t coro, struct py_awaits *awaits);

/*
 * The frames of a coroutine that runs: what it awaits is on the stack of a thread. Leaves `awaits`
 * alone if it is on none (any more).
 */
void py_awaits__read_running(const struct target *t, uint64_t coro, struct py_awaits *awaits);

#endif
