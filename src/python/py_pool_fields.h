/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How full a pool object is. The fields are those of the libraries' Python code; which versions
 * were read is in docs/measuring.md.
 */
#ifndef LOOPSTALL_PYTHON_PY_POOL_FIELDS_H
#define LOOPSTALL_PYTHON_PY_POOL_FIELDS_H

#include "process/target.h"
#include "runtime/pools.h"

/* Sets size, busy and waiting. 0, or -errno: it is no such object, or another version's. */
typedef int py_pool_reader(const struct target *t, uint64_t object, struct pool *pool);

py_pool_reader py_pool_read_limiter, py_pool_read_aiohttp;
/* Of pools that keep what is free in a queue of asyncio: asyncpg's, redis's, SQLAlchemy's. */
py_pool_reader py_pool_read_queue;

/*
 * Sets what waits for the executor that a worker of dask uses for its tasks; leaves other executors
 * alone. 0 or -errno, likewise.
 */
int py_pool_read_dask(const struct target *t, uint64_t worker, uint64_t executor,
		      struct pool *pool);

/* How many items an attribute has that is a container. 0 or -errno. */
int py_pool_count(const struct target *t, uint64_t object, const char *name, uint32_t *ret_n);
/* An attribute that is an int; 0 in *ret if it is none, or infinite. 0 or -errno. */
int py_pool_number(const struct target *t, uint64_t object, const char *name, uint32_t *ret);

#endif
