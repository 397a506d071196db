/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk over the interpreter's thread states.
 */
#include "python/py_tstates.h"

#include <errno.h>

#include "python/py_memory.h"
#include "python/python.h"

/* The kernel has no more thread ids (PID_MAX_LIMIT). */
#define MAX_THREADS (4U << 20)

uint64_t py_tstates__next(struct py_tstates *walk)
{
	const struct ls_pyoffsets *py = &walk->t->proc.py.at;
	const uint64_t link = walk->n ? walk->tstate + py->tstate_next :
					py_target(walk->t)->interp + py->interp_threads_head;

	if (walk->error)
		return 0;
	walk->error = walk->n++ < MAX_THREADS ? py_read_u64(walk->t, link, &walk->tstate) : -ELOOP;
	return walk->error ? 0 : walk->tstate;
}
