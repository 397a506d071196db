/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Reading CPython's deque and list, element by element.
 */
#ifndef LOOPSTALL_BPF_CONTAINERS_H
#define LOOPSTALL_BPF_CONTAINERS_H

#include "core/port.h"
#include "core/state.h"

/* Not more than `limit`; what is left out is flagged. */
LS_INLINE __u64 length_limit(struct thread_state *ts, __u64 length, __u64 limit)
{
	if (length <= limit)
		return length;
	ts->victims.flags = LS_STALL_VICTIMS_CUT;
	return limit;
}

/* Puts ts->queue at the beginning of a deque. Returns the number of elements to read. */
LS_INLINE __u64 deque_open(struct thread_state *ts, __u64 deque)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;

	ts->queue.block = read_ptr(deque + py->deque_leftblock);
	ts->queue.index = read_ptr(deque + py->deque_leftindex);
	return length_limit(ts, read_ptr(deque + py->ob_size), LS_MAX_READY);
}

/* The next element; 0 if it cannot be read, which is counted. */
LS_INLINE __u64 deque_next(struct thread_state *ts)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;
	__u64 item;

	if (ts->queue.index >= LS_PY_DEQUE_BLOCK_ITEMS) {
		ts->queue.block = read_ptr(ts->queue.block + py->deque_block_next);
		ts->queue.index = 0;
	}
	item = read_ptr(ts->queue.block + py->deque_block_data + 8 * ts->queue.index);
	ts->queue.index++;
	if (!item)
		count_loss(LS_LOSS_VICTIM_UNREADABLE);
	return item;
}

/* Sets ts->queue.items to the array of a list. Returns the number of elements to read. */
LS_INLINE __u64 list_open(struct thread_state *ts, __u64 list)
{
	ts->queue.items = read_ptr(list + ts->proc.py.at.list_items);
	return length_limit(ts, read_ptr(list + ts->proc.py.at.ob_size), LS_MAX_TIMERS);
}

#endif
