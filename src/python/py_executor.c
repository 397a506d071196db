/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lengths of the queues of a loop: handles that are ready, calls that wait for a thread of the
 * default executor. Sources: cpython Lib/asyncio/base_events.py, Lib/concurrent/futures/thread.py,
 * Modules/_queuemodule.c (simplequeueobject, RingBuf; places from the debug information of 3.8.18
 * to 3.13.0).
 */
#include <errno.h>
#include <limits.h>

#include "python/py_memory.h"
#include "python/py_tstates.h"
#include "python/python.h"

/* Behind the object's head */
#define SET_USED 8
#define QUEUE_LIST 16 /* lst, up to 3.12 */
#define QUEUE_LIST_TAKEN 24 /* lst_pos: items before it were taken */
#define QUEUE_RING_ITEMS 40 /* buf.num_items, from 3.13 on */
#define MAX_THREADS 4096
#define UVLOOP_WORDS 32 /* in which a loop of uvloop holds its executor, just before its queue */

/* Lengths that cannot be are torn reads. */
static uint32_t sane_count(uint64_t n)
{
	return n <= INT_MAX ? (uint32_t)n : 0;
}

/* One written in Python: queue.Queue. */
static uint32_t queued_in_deque(const struct target *t, uint64_t queue)
{
	uint64_t items, n;

	return py_attribute(t, queue, "queue", &items) || !py_is_instance(t, items, "deque") ||
			py_read_u64(t, items + t->proc.py.at.ob_size, &n) ?
		0 :
		sane_count(n);
}

uint32_t py_queued_calls(const struct target *t, uint64_t queue)
{
	uint64_t list, n, taken, head = t->proc.py.at.ob_head;

	if (!py_is_instance(t, queue, "SimpleQueue"))
		return queued_in_deque(t, queue);
	if (t->proc.py.at.minor >= 13)
		return py_read_u64(t, queue + head + QUEUE_RING_ITEMS, &n) ? 0 : sane_count(n);
	if (py_read_u64(t, queue + head + QUEUE_LIST, &list) ||
	    py_read_u64(t, queue + head + QUEUE_LIST_TAKEN, &taken) ||
	    py_read_u64(t, list + t->proc.py.at.ob_size, &n) || taken > n)
		return 0;
	return sane_count(n - taken);
}

int py_default_executor(const struct target *t, uint64_t loop, uint64_t *ret_executor)
{
	uint64_t words[UVLOOP_WORDS];
	int r;

	if (!py_is_instance(t, loop, "uvloop."))
		return py_attribute(t, loop, "_default_executor", ret_executor);
	r = target__read(t, loop, words, sizeof(words));
	for (size_t i = 2; !r && i < UVLOOP_WORDS; i++)
		if (words[i] && !(words[i] & 7) &&
		    py_is_instance(t, words[i], "ThreadPoolExecutor")) {
			*ret_executor = words[i];
			return 0;
		}
	return r ? r : -ENOENT;
}

int py_executor(const struct target *t, uint64_t loop, struct target_executor *ret)
{
	uint64_t executor, max_workers, threads, queue, n;
	int r = py_default_executor(t, loop, &executor);

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
		r = py_read_u64(t, threads + t->proc.py.at.ob_head + SET_USED, &n);
	if (!r)
		ret->threads = sane_count(n);
	if (!r)
		r = py_attribute(t, executor, "_work_queue", &queue);
	if (!r)
		ret->queued = py_queued_calls(t, queue);
	return r;
}

/* Context of on_thread(). */
struct pool_threads {
	const struct target *t;
	size_t n, max;
	uint64_t *idents;
};

static int on_thread(void *ctx, uint64_t thread)
{
	struct pool_threads *pool = ctx;
	uint64_t ident;

	if (pool->n < pool->max && !py_attribute(pool->t, thread, "_ident", &ident) &&
	    !py_int_value(pool->t, ident, &pool->idents[pool->n]))
		pool->n++;
	return 0;
}

/* Replaces the thread idents by the thread states; threads that have ended are left out. */
static int find_states(const struct target *t, uint64_t *idents, size_t n)
{
	struct py_tstates walk = { .t = t };
	uint64_t tstate, ident;
	size_t n_found = 0;
	int r = 0;

	while (!r && n_found < n && (tstate = py_tstates__next(&walk))) {
		r = py_read_u64(t, tstate + t->proc.py.at.tstate_thread_id, &ident);
		for (size_t k = n_found; !r && k < n; k++)
			if (idents[k] == ident) {
				idents[k] = idents[n_found];
				idents[n_found++] = tstate;
				break;
			}
	}
	if (!r)
		r = walk.error;
	return r && r != -EFAULT ? r : (int)n_found;
}

int py_executor_threads(const struct target *t, uint64_t loop, uint64_t *tstates, size_t max)
{
	struct pool_threads pool = { .t = t, .max = max, .idents = tstates };
	uint64_t executor, threads;
	int r = py_default_executor(t, loop, &executor);

	if (r == -ENOENT || (!r && !py_is_instance(t, executor, "ThreadPoolExecutor")))
		return 0;
	if (!r)
		r = py_attribute(t, executor, "_threads", &threads);
	if (!r)
		r = py_set_each(t, threads, MAX_THREADS, on_thread, &pool);
	return r ? r : find_states(t, tstates, pool.n);
}

int py_count_ready(const struct target *t, const struct ls_loop *loop)
{
	uint64_t n;
	int r = loop->py.ready ? py_read_u64(t, loop->py.ready + t->proc.py.at.ob_size, &n) :
				 -ENOENT;

	if (r)
		return r;
	return n <= INT_MAX ? (int)n : -EAGAIN;
}
