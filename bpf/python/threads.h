/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The interpreter's list of thread states, the newest first (threads.bpf.c).
 */
#ifndef LOOPSTALL_BPF_THREADS_H
#define LOOPSTALL_BPF_THREADS_H

#include "arch/regs.h"
#include "core/state.h"
#include "python/objects.h"

/* By what a thread state is searched: pthread_t, thread_key() or native id. */
enum thread_kind { KEY_PTHREAD, KEY_OF_THREAD, KEY_NATIVE };

/* Where thread_key() is the thread's id, newer interpreters have it in the thread state. */
static __always_inline __u32 is_key_native(const struct thread_state *ts)
{
	return LS_THREAD_KEY_IS_ID && ts->proc.py.at.tstate_native_id != LS_PY_NONE;
}

/* Is this the state of the thread that has this thread_key()? */
static __always_inline __u32 is_tstate_of(const struct thread_state *ts, __u64 tstate, __u64 key)
{
	const struct ls_pyoffsets *at = &ts->proc.py.at;

	if (is_key_native(ts))
		return read_ptr(tstate + at->tstate_native_id) == key;
	return is_pthread_of(read_ptr(tstate + at->tstate_thread_id), key);
}

/* The state of the thread with this key of a `kind` (enum thread_kind); 0: it has none. */
__u64 thread_find(struct thread_state *ts, __u64 key, __u32 kind);

#endif
