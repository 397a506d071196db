/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loops of which no more is known than that they poll: Twisted's reactors, curio's kernel, programs
 * with a selector of their own. They have no object that could be found; the thread state stands
 * for it.
 */
#ifndef LOOPSTALL_PYTHON_PY_POLLS_H
#define LOOPSTALL_PYTHON_PY_POLLS_H

#include <stdbool.h>
#include <stdint.h>

#include "process/target.h"

/*
 * Whether a thread waits in a poll whose end the probes show, and runs a loop: in epoll, or in
 * poll or select as a loop calls it. If so, returns 1 and fills in all of `thread`, whose thread
 * state and id are set. Else 0, or -errno if we lack memory or descriptors.
 */
int py_polls__describe(const struct target *t, struct target_loop_thread *thread);

/* See target__is_greenlet(). */
bool py_polls__is_greenlet(const struct target *t, const struct target_stack *stack);

/* Whether the address is that of a thread state, and so stands for such a loop. */
bool py_polls__is_thread(const struct target *t, uint64_t addr);

/* The descriptor that such a thread waits on; -ENOENT: it does not wait now. */
int py_polls__fd(const struct target *t, uint64_t tstate);

/*
 * Code of the function that runs the loop of a thread: the innermost that is no machinery of a
 * loop, while the loop waits; and the kind of the loop, by its library. -ENOENT: it does not wait
 * now.
 */
int py_polls__runner(const struct target *t, uint64_t tstate, __u64 *ret_code,
		     const struct loop_kind **ret_kind);

#endif
