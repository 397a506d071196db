/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Does this thread collect garbage, and which generation? A collection of generation g clears the
 * counts of 0 to g and adds one to that of g + 1 before it does anything else. Pure functions over
 * read_user().
 */
#ifndef LOOPSTALL_BPF_COLLECTOR_H
#define LOOPSTALL_BPF_COLLECTOR_H

#include "core/port.h"
#include "core/state.h"
#include "python/gil.h"

/* The thread that has the GIL is the one that does. */
LS_INLINE int is_collecting(const struct thread_state *ts)
{
	const struct ls_pyproc *py = &ts->proc.py;

	return py->gc_collecting && read_int(py->gc_collecting) && py->gil;
}

/* Another thread may collect while this one runs without the GIL. */
LS_INLINE int is_collector(const struct thread_state *ts)
{
	return is_collecting(ts) && is_gil_holder(ts);
}

/* The generation that is collected, plus 1; 0: not known. */
LS_INLINE __u32 collected_generation(const struct thread_state *ts)
{
	/* counts of the generations 1 and 2, with what lies between them */
	__u32 counts[LS_PY_GC_GENERATION_BYTES / sizeof(__u32) + 1] = {};
	__u64 addr = ts->proc.py.gc_counts;

	if (!addr || read_user(counts, sizeof(counts), addr + LS_PY_GC_GENERATION_BYTES))
		return 0;
	if (counts[0])
		return 1;
	return counts[LS_PY_GC_GENERATION_BYTES / sizeof(__u32)] ? 2 : 3;
}

#endif
