/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources: anyio src/anyio/_backends/_asyncio.py (CapacityLimiter), aiohttp connector.py
 * (BaseConnector), cpython Lib/asyncio/queues.py, distributed worker_state_machine.py (WorkerState)
 * and collections.py (HeapSet).
 */
#include "python/py_pool_fields.h"

#include <errno.h>
#include <limits.h>

#include "base/array.h"
#include "python/py_memory.h"
#include "python/python.h"

#define SET_USED 8 /* behind the object's head */
#define DICT_USED 0

int py_pool_number(const struct target *t, uint64_t object, const char *name, uint32_t *ret)
{
	uint64_t value, n;
	int r = py_attribute(t, object, name, &value);

	*ret = 0;
	if (r)
		return r;
	if (py_is_instance(t, value, "int") && !py_int_value(t, value, &n) && n <= INT_MAX)
		*ret = (uint32_t)n;
	return 0;
}

/* How many items a container has: what it is decides where the number is. */
static int length_of(const struct target *t, uint64_t object, uint32_t *ret_n)
{
	const struct ls_pyoffsets *py = &t->proc.py.at;
	const struct {
		const char *type;
		uint16_t offset;
	} kinds[] = {
		{ "deque", py->ob_size },
		{ "list", py->ob_size },
		{ "set", (uint16_t)(py->ob_head + SET_USED) },
		{ "Dict", (uint16_t)(py->ob_head + DICT_USED) },
		{ "dict", (uint16_t)(py->ob_head + DICT_USED) },
	};
	uint64_t n;
	int r = -ENOENT;

	*ret_n = 0;
	if (py_is_instance(t, object, "NoneType"))
		return 0;
	for (size_t i = 0; i < N_OF(kinds); i++)
		if (py_is_instance(t, object, kinds[i].type)) {
			r = py_read_u64(t, object + kinds[i].offset, &n);
			break;
		}
	if (!r)
		*ret_n = n <= INT_MAX ? (uint32_t)n : 0;
	return r;
}

int py_pool_count(const struct target *t, uint64_t object, const char *name, uint32_t *ret_n)
{
	uint64_t items;
	int r = py_attribute(t, object, name, &items);

	*ret_n = 0;
	return r ? r : length_of(t, items, ret_n);
}

int py_pool_read_limiter(const struct target *t, uint64_t object, struct pool *pool)
{
	int r = py_pool_number(t, object, "_total_tokens", &pool->size);

	if (!r)
		r = py_pool_count(t, object, "_borrowers", &pool->busy);
	return r ? r : py_pool_count(t, object, "_wait_queue", &pool->waiting);
}

/* Context of add_waiters(). */
struct waiters {
	const struct target *t;
	uint32_t n;
};

/* One queue for each host. */
static int add_waiters(void *ctx, uint64_t key, uint64_t value)
{
	struct waiters *sum = ctx;
	uint32_t n;

	(void)key;
	if (!length_of(sum->t, value, &n) && n <= INT_MAX - sum->n)
		sum->n += n;
	return 0;
}

int py_pool_read_aiohttp(const struct target *t, uint64_t object, struct pool *pool)
{
	struct waiters sum = { .t = t };
	uint64_t queues;
	int r = py_pool_number(t, object, "_limit", &pool->size);

	if (!r)
		r = py_pool_count(t, object, "_acquired", &pool->busy);
	if (!r)
		r = py_attribute(t, object, "_waiters", &queues);
	if (!r)
		r = py_dict_each(t, queues, add_waiters, &sum);
	pool->waiting = sum.n;
	return r;
}

/* It holds what is free; its size is the pool's, without what SQLAlchemy calls overflow. */
int py_pool_read_queue(const struct target *t, uint64_t object, struct pool *pool)
{
	uint32_t n_free;
	int r = py_pool_number(t, object, "_maxsize", &pool->size);

	if (!r)
		r = py_pool_count(t, object, "_queue", &n_free);
	if (!r)
		r = py_pool_count(t, object, "_getters", &pool->waiting);
	if (!r)
		pool->busy = n_free < pool->size ? pool->size - n_free : 0;
	return r;
}

/* What it may run once a thread is free, of any of its executors: they are those of the default. */
int py_pool_read_dask(const struct target *t, uint64_t worker, uint64_t executor, struct pool *pool)
{
	uint64_t executors, usual, state, ready;
	uint32_t n;
	int r = py_attribute(t, worker, "executors", &executors);

	if (!r)
		r = py_dict_get(t, executors, "default", &usual);
	if (!r && usual != executor)
		return 0;
	if (!r)
		r = py_attribute(t, worker, "state", &state);
	if (!r)
		r = py_attribute(t, state, "ready", &ready);
	if (!r)
		r = py_pool_count(t, ready, "_data", &n);
	if (!r)
		pool->waiting = n;
	return r;
}
