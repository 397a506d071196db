/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Whether a thread holds the global interpreter lock.
 */
#ifndef LOOPSTALL_BPF_GIL_H
#define LOOPSTALL_BPF_GIL_H

#include "core/port.h"
#include "core/state.h"

LS_INLINE __u32 read_int(__u64 addr)
{
	__u32 v = 0;

	return read_user(&v, sizeof(v), addr) ? 0 : v;
}

LS_INLINE int is_gil_holder(const struct thread_state *ts)
{
	const struct ls_pyproc *py = &ts->proc.py;

	return read_ptr(py->gil + py->at.gil_last_holder) == ts->tstate &&
		read_int(py->gil + py->at.gil_locked);
}

/* A free-threaded build runs without the lock unless it is switched on: its first field. */
LS_INLINE int is_gil_off(const struct thread_state *ts)
{
	return ts->proc.py.is_free_threaded && !read_int(ts->proc.py.gil);
}

/*
 * A sample of a thread that is on a CPU. Python code needs the lock, so a thread without it runs
 * native code that released it.
 */
LS_INLINE void gil_look(struct thread_state *ts)
{
	if (!ts->proc.py.gil || !ts->tstate)
		return;
	ts->cur.gil_looks++;
	if (is_gil_off(ts) || !is_gil_holder(ts))
		ts->cur.gil_free++;
}

#endif
