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

/* One coroutine or generator of such a chain. */
struct py_await_link {
	struct ls_frame frame;
	uint64_t addr; /* of its frame, where its local variables are */
	uint64_t qualname;
	uint64_t top; /* address of the topmost value of its stack, 0 if it awaits nothing */
	uint64_t end; /* of its value stack; 0 while it runs */
	bool is_running, is_created; /* is_created: it has not begun */
};

/* One coroutine or generator, whatever it does. False if it is none, or has ended. */
bool py_awaits__link(struct py_types *types, uint64_t gen, struct py_await_link *ret_link);

typedef void py_await_fn(void *ctx, const struct py_await_link *link);

/*
 * Calls `fn` with each link of the chain, the outermost first: with none if `coro` is no coroutine
 * or generator of Python. Returns whether the chain goes on beyond the last one.
 */
bool py_awaits__each(struct py_types *types, uint64_t coro, py_await_fn *fn, void *ctx);

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
