/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much waits for a loop: handles in its queue, calls for a thread of its default executor. Sources: cpython
 * Lib/asyncio/base_events.py, Lib/concurrent/futures/thread.py, Modules/_queuemodule.c (simplequeueobject, RingBuf;
 * places from the debug information of 3.8.18 to 3.13.0).
 */
#include <errno.h>
#include <limits.h>

#include "target/py_memory.h"

/* Behind the object's head */
#define SET_USED 8
#define QUEUE_LIST 16 /* lst, up to 3.12 */
#define QUEUE_LIST_TAKEN 24 /* lst_pos: items before it were taken */
#define QUEUE_RING_ITEMS 40 /* buf.num_items, from 3.13 on */
#define UVLOOP_WORDS 32 /* in which a loop of uvloop holds its executor, just before its queue */

/* Lengths that cannot be are torn reads. */
static uint32_t sane_count(uint64_t n)
{
	return n <= INT_MAX ? (uint32_t)n : 0;
}

static uint32_t queued_calls(const struct target *t, uint64_t queue)
{
	uint64_t list, n, taken, head = t->proc.py.ob_head;

	if (!py_is_instance(t, queue, "SimpleQueue"))
		return 0;
	if (t->proc.py.minor >= 13)
		return py_read_u64(t, queue + head + QUEUE_RING_ITEMS, &n) ? 0 : sane_count(n);
	if (py_read_u64(t, queue + head + QUEUE_LIST, &list) ||
	    py_read_u64(t, queue + head + QUEUE_LIST_TAKEN, &taken) ||
	    py_read_u64(t, list + t->proc.py.ob_size, &n) || taken > n)
		return 0;
	return sane_count(n - taken);
}

/* -ENOENT if the loop has none yet. */
static int find_executor(const struct target *t, uint64_t loop, uint64_t *ret_executor)
{
	uint64_t words[UVLOOP_WORDS];
	int r;

	if (!py_is_instance(t, loop, "uvloop."))
		return py_attribute(t, loop, "_default_executor", ret_executor);
	r = target__read(t, loop, words, sizeof(words));
	for (size_t i = 2; !r && i < UVLOOP_WORDS; i++)
		if (words[i] && !(words[i] & 7) && py_is_instance(t, words[i], "ThreadPoolExecutor")) {
			*ret_executor = words[i];
			return 0;
		}
	return r ? r : -ENOENT;
}

int target__executor(const struct target *t, uint64_t loop, struct target_executor *ret)
{
	uint64_t executor, max_workers, threads, queue, n;
	int r = find_executor(t, loop, &executor);

	*ret = (struct target_executor){ 0 };
	if (r == -ENOENT || (!r && !py_is_instance(t, executor, "ThreadPoolExecutor")))
		return 0;
	if (!r)
		r = py_attribute(t, executor, "_max_workers", &max_workers);
	if (!r)
		r = py_int_value(t, max_workers, &n);
	if (r)
		return r;
	ret->max_workers = sane_count(n);
	r = py_attribute(t, executor, "_threads", &threads);
	if (!r)
		r = py_read_u64(t, threads + t->proc.py.ob_head + SET_USED, &n);
	if (!r)
		ret->threads = sane_count(n);
	if (!r)
		r = py_attribute(t, executor, "_work_queue", &queue);
	if (!r)
		ret->queued = queued_calls(t, queue);
	return r;
}

int target__count_ready(const struct target *t, const struct ls_loop *loop)
{
	uint64_t n;
	int r = loop->ready ? py_read_u64(t, loop->ready + t->proc.py.ob_size, &n) : -ENOENT;

	if (r)
		return r;
	return n <= INT_MAX ? (int)n : -EAGAIN;
}
