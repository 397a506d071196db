/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which tasks wait for a loop of trio that is stuck.
 */
#ifndef LOOPSTALL_PYTHON_PY_TRIO_WAITING_H
#define LOOPSTALL_PYTHON_PY_TRIO_WAITING_H

#include "python/py_waiting.h"

/*
 * Finds the scheduler's frame on the thread that is stuck, and fills in `w->loop` with the Runner
 * that the frame belongs to: the thread may have run another one before. -ENOENT: not found.
 */
int py_trio_waiting__find(struct py_waiting *w, uint64_t *ret_frame);

/*
 * Adds the tasks that wait. -EAGAIN: something changed meanwhile, or is not what it has to be.
 */
int py_trio_waiting__read(struct py_waiting *w, uint64_t frame);

#endif
