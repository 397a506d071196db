/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What one look into a process shows of a loop thread: how many handles the loop has taken from its
 * queue (python/deque.h), and which task runs. That is in the dict _asyncio._current_tasks, from
 * 3.14 on in the thread state (cpython: Modules/_asynciomodule.c). Pure functions over read_user().
 */
#ifndef LOOPSTALL_BPF_LOOKS_H
#define LOOPSTALL_BPF_LOOKS_H

#include "core/port.h"
#include "core/state.h"
#include "python/deque.h"
#include "python/dicts.h"

#define KEYS_BYTES 40 /* of a dict's keys, up to its index; no version has more */
#define ENTRY_WORDS 3 /* hash, key, value */
#define ENTRIES_AT_ONCE 8
/* enough for one loop on each thread and the deleted entries between them */
#define ENTRY_CHUNKS 8

#define UNREADABLE (~0ULL) /* not the address of an object */

/* A running total of the handles that the loop has begun, times two; 0 if it cannot be read. */
LS_INLINE __u64 handles_begun(const struct thread_state *ts, __u64 ready)
{
	struct deque deque;

	return deque_read(ts, ready, &deque) ? 0 : deque.state - deque.length;
}

/* Which of the `n` entries in ts->object has this key? ENTRIES_AT_ONCE: none. */
LS_SUBPROG __u32 entry_find(const struct thread_state *ts, __u64 n, __u64 key);

/*
 * The value of `key`, an object compared by its address, in a dict; 0 if there is none. Newest
 * entries first.
 */
LS_INLINE __u64 dict_find(struct thread_state *ts, __u64 dict, __u64 key)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	__u64 keys, entries, n;
	__u32 chunk, i;

	if (read_user(&keys, sizeof(keys), dict + py->dict_keys) ||
	    read_user(ts->object, KEYS_BYTES, keys))
		return UNREADABLE;
	/* Keys that are all strings have entries of another layout, and none is ours. */
	if (py->keys_kind != LS_PY_NONE && ts->object[py->keys_kind & 31])
		return 0;
	entries = keys + py->keys_indices + index_bytes(ts);
	n = object_word(ts, py->keys_nentries);
	for (chunk = 0; chunk < ENTRY_CHUNKS && n > 0; chunk++) {
		__u64 from = n > ENTRIES_AT_ONCE ? n - ENTRIES_AT_ONCE : 0;
		__u32 size = (n - from) * ENTRY_WORDS * 8;

		barrier_var(size);
		if (read_user(ts->object, size & 0xff, entries + from * ENTRY_WORDS * 8))
			return UNREADABLE;
		i = entry_find(ts, n - from, key);
		barrier_var(i);
		if (i < ENTRIES_AT_ONCE)
			return ((const __u64 *)ts->object)[i * ENTRY_WORDS + 2];
		n = from;
	}
	return 0;
}

/* The task that this thread runs now, 0 if there is none or its place is not known. */
LS_INLINE __u64 current_task(struct thread_state *ts)
{
	__u64 task;

	if (ts->proc.py.at.tstate_running_task == LS_PY_NONE)
		return ts->proc.py.current_tasks ?
			dict_find(ts, ts->proc.py.current_tasks, ts->loop) :
			0;
	if (!ts->tstate)
		return 0;
	return read_user(&task, sizeof(task), ts->tstate + ts->proc.py.at.tstate_running_task) ?
		UNREADABLE :
		task;
}

#endif
