/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Reading CPython's deque and list, element by element.
 */
#ifndef LOOPSTALL_BPF_CONTAINERS_H
#define LOOPSTALL_BPF_CONTAINERS_H

#include "queue/arrivals.h"

/* Not more than `limit`; what is left out is flagged. */
LS_INLINE __u64 length_limit(struct thread_state *ts, __u64 length, __u64 limit)
{
	if (length <= limit)
		return length;
	ts->victims.flags = LS_STALL_VICTIMS_CUT;
	return limit;
}

/* Puts ts->queue at the beginning of a deque. Returns the number of elements to read. */
LS_INLINE __u64 deque_open(struct thread_state *ts, __u64 at)
{
	struct deque deque;

	if (deque_read(ts, at, &deque))
		return 0;
	ts->queue.block = deque.left_block;
	ts->queue.index = deque.left_index;
	ts->queue.taken = deque_taken(&deque);
	return length_limit(ts, deque.length, LS_MAX_READY);
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

/* Puts ts->queue behind the last element of a deque. */
LS_INLINE int deque_open_end(struct thread_state *ts, __u64 at)
{
	struct deque deque;

	if (deque_read(ts, at, &deque))
		return -1;
	ts->queue.block = deque.right_block;
	ts->queue.index = deque.right_index + 1;
	return 0;
}

/* The element before; 0 if it cannot be read. A block begins with the pointer to the one before. */
LS_INLINE __u64 deque_previous(struct thread_state *ts)
{
	const struct ls_pyoffsets *py = &ts->proc.py.at;

	if (!ts->queue.index) {
		ts->queue.block = read_ptr(ts->queue.block);
		ts->queue.index = LS_PY_DEQUE_BLOCK_ITEMS;
	}
	if (ts->queue.index > LS_PY_DEQUE_BLOCK_ITEMS)
		return 0;
	ts->queue.index--;
	return read_ptr(ts->queue.block + py->deque_block_data + 8 * ts->queue.index);
}

/* Sets ts->queue.items to the array of a list. Returns the number of elements to read. */
LS_INLINE __u64 list_open(struct thread_state *ts, __u64 list)
{
	ts->queue.items = read_ptr(list + ts->proc.py.at.list_items);
	return length_limit(ts, read_ptr(list + ts->proc.py.at.ob_size), LS_MAX_TIMERS);
}

#endif
