/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools are found from their users: a thread whose stack has a worker's loop, and a task whose
 * await chain ends in a call that waits for something free. Such frames are known by the name of
 * the function and the file; the pool is in their local variables. Sources: cpython
 * Lib/concurrent/futures/thread.py, anyio src/anyio/_backends/_asyncio.py, asgiref/sync.py, aiohttp
 * connector.py, asyncpg pool.py, redis/asyncio/connection.py, SQLAlchemy
 * lib/sqlalchemy/util/concurrency.py and util/queue.py, distributed threadpoolexecutor.py and
 * worker.py.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "python/py_awaits.h"
#include "python/py_frames.h"
#include "python/py_lifecycle.h"
#include "python/py_memory.h"
#include "python/py_names.h"
#include "python/py_pool_fields.h"
#include "python/py_roles.h"
#include "python/py_task_reader.h"
#include "python/py_tstates.h"
#include "python/python.h"
#include "runtime/pools.h"

#define MAX_TASKS 20000
#define MAX_THREADS 512
#define MAX_SPAWNERS 256
#define MAX_LOOPS 64
#define CODES 256 /* a power of two */

/* What a code object is to a pool. */
enum role {
	ROLE_NONE,
	ROLE_EXECUTOR_THREAD,
	ROLE_DASK_THREAD, /* the same, of an executor whose threads may leave it */
	ROLE_EXECUTOR_CALL,
	ROLE_HANDS_ON, /* calls what the executor was handed */
	ROLE_ASGIREF_CALL,
	ROLE_ANYIO_THREAD,
	ROLE_QUEUE_GET,
	ROLE_LIMITER,
	ROLE_AIOHTTP,
	ROLE_ASYNCPG,
	ROLE_REDIS,
	ROLE_SPAWN,
	ROLE_ASYNC_GET,
	ROLE_DASK_TASK,
};

static const struct py_role roles[] = {
	{ ROLE_EXECUTOR_THREAD, "_worker", "concurrent/futures/thread.py" },
	{ ROLE_DASK_THREAD, "_worker", "distributed/threadpoolexecutor.py" },
	{ ROLE_EXECUTOR_CALL, "run", "concurrent/futures/thread.py" },
	{ ROLE_EXECUTOR_CALL, "run", "distributed/_concurrent_futures_thread.py" },
	{ ROLE_HANDS_ON, "apply_function", "distributed/worker.py" },
	{ ROLE_HANDS_ON, "apply_function_simple", "distributed/worker.py" },
	{ ROLE_HANDS_ON, "execute_task", "distributed/worker.py" },
	{ ROLE_HANDS_ON, "_execute_task", "dask/core.py" },
	{ ROLE_ASGIREF_CALL, "thread_handler", "asgiref/sync.py" },
	{ ROLE_ANYIO_THREAD, "run", "anyio/_backends/_asyncio.py" },
	{ ROLE_QUEUE_GET, "get", "/queue.py" },
	{ ROLE_LIMITER, "acquire_on_behalf_of", "anyio/_backends/_asyncio.py" },
	{ ROLE_AIOHTTP, "connect", "aiohttp/connector.py" },
	{ ROLE_ASYNCPG, "_acquire", "asyncpg/pool.py" },
	{ ROLE_REDIS, "get_connection", "redis/asyncio/connection.py" },
	{ ROLE_SPAWN, "greenlet_spawn", "sqlalchemy/util/_concurrency_py3k.py" },
	{ ROLE_SPAWN, "greenlet_spawn", "sqlalchemy/util/concurrency.py" },
	{ ROLE_ASYNC_GET, "get", "asyncio/queues.py" },
	{ ROLE_DASK_TASK, "execute", "distributed/worker.py" },
};

/* One look at all pools of a process. */
struct look {
	const struct target *t;
	struct py_task_reader tasks;
	struct pools *found;
	struct {
		uint64_t object; /* 0: the pool is no executor, or that is not known */
		uint32_t n_threads, n_idle;
	} executors[POOLS_MAX]; /* one for each pool that was found */
	struct {
		uint64_t code;
		enum role role;
	} codes[CODES];
	/* Tasks in which SQLAlchemy runs a greenlet: it waits for a queue in a task of its own. */
	size_t n_spawners;
	uint64_t spawners[MAX_SPAWNERS];
	size_t n_defaults;
	uint64_t defaults[MAX_LOOPS]; /* executors of the loops */
	/* What threads of anyio do: which limiter let them in is not known. */
	struct pool threads_of_anyio;
};

static enum role role_of(struct look *l, uint64_t code)
{
	const size_t slot = (code >> 4 ^ code >> 12) % CODES;

	if (l->codes[slot].code != code) {
		l->codes[slot].role =
			(enum role)py_role__find(roles, N_OF(roles), &l->tasks.types, code);
		l->codes[slot].code = code;
	}
	return l->codes[slot].role;
}

/* The pool at this address; NULL if it is new and there is no room. */
static struct pool *pool_at(struct look *l, enum pool_kind kind, uint64_t object, bool *ret_is_new)
{
	struct pools *found = l->found;

	*ret_is_new = false;
	for (size_t i = 0; i < found->n; i++)
		if (found->list[i].object == object)
			return &found->list[i];
	if (found->n == POOLS_MAX) {
		found->is_cut = true;
		return NULL;
	}
	*ret_is_new = true;
	found->list[found->n] = (struct pool){ .kind = kind, .object = object };
	return &found->list[found->n++];
}

static void add_place(struct pool *pool, const struct ls_frame *frame)
{
	size_t i = 0;

	if (!frame->code)
		return;
	while (i < pool->n_places &&
	       (pool->places[i].frame.code != frame->code ||
		pool->places[i].frame.position != frame->position))
		i++;
	if (i == POOL_PLACES)
		return;
	if (i == pool->n_places)
		pool->places[pool->n_places++] = (struct pool_place){ .frame = *frame };
	pool->places[i].threads++;
}

/* --- threads */

/* What the stack of one thread says, from the inside out. */
struct thread_look {
	uint64_t tstate;
	uint64_t code; /* of the worker's loop, 0 if there is none */
	enum role role;
	bool is_busy;
	struct ls_frame job; /* the outermost frame of what it was handed; 0 if not known */
};

static struct thread_look look_at_stack(struct look *l, uint64_t tstate,
					const struct target_stack *stack)
{
	struct thread_look found = { .tstate = tstate };
	bool is_inner_queue = false;

	for (size_t i = 0; i < stack->n_frames; i++) {
		const struct ls_frame *at = &stack->frames[i].at;
		const enum role role = role_of(l, at->code);

		if (role == ROLE_EXECUTOR_THREAD || role == ROLE_DASK_THREAD ||
		    role == ROLE_ANYIO_THREAD) {
			found.code = at->code;
			found.role = role;
			found.is_busy |= role == ROLE_ANYIO_THREAD && !is_inner_queue;
			return found;
		}
		found.is_busy |= role == ROLE_EXECUTOR_CALL;
		is_inner_queue = role == ROLE_QUEUE_GET;
		if (role == ROLE_NONE)
			found.job = *at;
	}
	return found;
}

static int worker_local(struct look *l, const struct thread_look *th, const char *name,
			uint64_t *ret_value)
{
	uint64_t frame;
	uint16_t offset;
	int r = py_frame_find(l->t, th->tstate, th->code, &frame);

	if (!r)
		r = py_code_local(l->t, th->code, name, &offset);
	return r ? r : py_frame_local(l->t, frame, offset, ret_value);
}

/* It may be gone already. */
static int executor_of(struct look *l, const struct thread_look *th, uint64_t *ret_executor)
{
	uint64_t reference;
	int r;

	if (th->role == ROLE_DASK_THREAD)
		return worker_local(l, th, "executor", ret_executor);
	r = worker_local(l, th, "executor_reference", &reference);
	return r ? r : py_read_u64(l->t, reference + l->t->proc.py.at.ob_head, ret_executor);
}

/* How many threads it may have, and what they are called. Returns the executor, 0: not known. */
static uint64_t describe_executor(struct look *l, const struct thread_look *th, struct pool *pool)
{
	uint64_t executor, name;

	if (executor_of(l, th, &executor) || !py_is_instance(l->t, executor, "ThreadPoolExecutor"))
		return 0;
	py_pool_number(l->t, executor, "_max_workers", &pool->size);
	if (!py_attribute(l->t, executor, "_thread_name_prefix", &name))
		py_name__read(&l->tasks.types, name, pool->name, sizeof(pool->name));
	for (size_t i = 0; i < l->n_defaults; i++)
		pool->is_default |= l->defaults[i] == executor;
	return executor;
}

static void add_executor_thread(struct look *l, const struct thread_look *th)
{
	struct pool *pool;
	uint64_t queue;
	bool is_new;
	size_t i;

	if (worker_local(l, th, "work_queue", &queue) || !queue)
		return;
	pool = pool_at(l, POOL_EXECUTOR, queue, &is_new);
	if (!pool)
		return;
	i = (size_t)(pool - l->found->list);
	if (is_new) {
		l->executors[i].object = describe_executor(l, th, pool);
		pool->waiting = py_queued_calls(l->t, queue);
	}
	l->executors[i].n_threads++;
	l->executors[i].n_idle += !th->is_busy;
	pool->busy += th->is_busy;
	if (th->is_busy)
		add_place(pool, &th->job);
}

/*
 * dask lets a thread leave its executor and work on, with another one in its place: which of them
 * is still one of the pool's is not known.
 */
static void leave_out_seceded(struct look *l)
{
	for (size_t i = 0; i < l->found->n; i++) {
		const uint32_t n_idle = l->executors[i].n_idle;
		struct pool *pool = &l->found->list[i];
		uint32_t n;

		if (!l->executors[i].object ||
		    py_pool_count(l->t, l->executors[i].object, "_threads", &n) ||
		    n >= l->executors[i].n_threads)
			continue;
		pool->busy = n > n_idle ? n - n_idle : 0;
		pool->n_places = 0;
	}
}

/* Another class of that file has a method of the same name. */
static bool is_anyio_thread(struct look *l, const struct thread_look *th)
{
	uint64_t self;

	return !worker_local(l, th, "self", &self) && py_is_instance(l->t, self, "WorkerThread");
}

static void find_defaults(struct look *l)
{
	struct target_loop_thread loops[MAX_LOOPS];
	const int n = py_loop_threads(l->t, loops, MAX_LOOPS);

	for (int i = 0; i < n; i++)
		l->n_defaults +=
			!py_default_executor(l->t, loops[i].loop, &l->defaults[l->n_defaults]);
}

static int look_at_threads(struct look *l)
{
	struct py_tstates walk = { .t = l->t };
	struct target_stack stack;
	uint64_t tstate;
	int r = 0;

	find_defaults(l);
	while (!r && (tstate = py_tstates__next(&walk))) {
		struct thread_look th;

		if (walk.n > MAX_THREADS) {
			l->found->is_cut = true;
			return 0;
		}
		r = py_thread_stack(l->t, tstate, &stack);
		if (r == -EFAULT || r == -ELOOP)
			r = 0;
		if (r)
			break;
		th = look_at_stack(l, tstate, &stack);
		if (stack.is_torn)
			th.job = (struct ls_frame){ 0 };
		if (th.role == ROLE_EXECUTOR_THREAD || th.role == ROLE_DASK_THREAD)
			add_executor_thread(l, &th);
		else if (th.role == ROLE_ANYIO_THREAD && th.is_busy && is_anyio_thread(l, &th))
			add_place(&l->threads_of_anyio, &th.job);
	}
	leave_out_seceded(l);
	return r ? r : walk.error == -EFAULT ? 0 : walk.error;
}

/* --- tasks */

/* Whose queue, or what else, a task waits for. */
static const struct {
	enum role role;
	enum pool_kind kind;
	const char *name;
	py_pool_reader *read;
} waits[] = {
	{ ROLE_LIMITER, POOL_LIMITER, "anyio.CapacityLimiter", py_pool_read_limiter },
	{ ROLE_AIOHTTP, POOL_CONNECTIONS, "aiohttp.TCPConnector", py_pool_read_aiohttp },
	{ ROLE_ASYNCPG, POOL_CONNECTIONS, "asyncpg.Pool", py_pool_read_queue },
	{ ROLE_REDIS, POOL_CONNECTIONS, "redis.BlockingConnectionPool", py_pool_read_queue },
	{ ROLE_SPAWN, POOL_CONNECTIONS, "sqlalchemy.AsyncAdaptedQueuePool", py_pool_read_queue },
};

/* Context of on_link(): what an await chain goes through, the innermost of each. */
struct chain {
	struct look *l;
	enum role role; /* of `waits` */
	uint64_t code,
		frame; /* in which `self` is the pool: of that role, or of the queue's get() */
	bool is_in_queue;
};

static int link_local(struct look *l, const struct py_await_link *link, const char *name,
		      uint64_t *ret_value)
{
	uint16_t offset;
	int r = py_code_local(l->t, link->frame.code, name, &offset);

	return r ? r : py_frame_local(l->t, link->addr, offset, ret_value);
}

/* A worker of dask hands its executor no more calls than that has threads: the others wait there.
 */
static void add_ready_of_dask(struct look *l, const struct py_await_link *link)
{
	uint64_t worker, executor;

	if (link_local(l, link, "self", &worker) || link_local(l, link, "e", &executor) ||
	    !executor)
		return;
	for (size_t i = 0; i < l->found->n; i++)
		if (l->executors[i].object == executor)
			py_pool_read_dask(l->t, worker, executor, &l->found->list[i]);
}

static void on_link(void *ctx, const struct py_await_link *link)
{
	struct chain *c = ctx;
	const enum role role = role_of(c->l, link->frame.code);

	c->is_in_queue |= role == ROLE_ASYNC_GET;
	if (role == ROLE_DASK_TASK)
		add_ready_of_dask(c->l, link);
	if (role == ROLE_ASYNC_GET || role == ROLE_LIMITER || role == ROLE_AIOHTTP) {
		c->code = link->frame.code;
		c->frame = link->addr;
	}
	for (size_t i = 0; i < N_OF(waits); i++)
		if (waits[i].role == role)
			c->role = role;
}

/* What cannot be read as such a pool is none. */
static void add_waited_for(struct look *l, const struct chain *c)
{
	struct pool *pool;
	uint64_t self;
	uint16_t offset;
	bool is_new;
	size_t i = 0;

	while (i < N_OF(waits) && waits[i].role != c->role)
		i++;
	if (i == N_OF(waits) || !c->code || py_code_local(l->t, c->code, "self", &offset) ||
	    py_frame_local(l->t, c->frame, offset, &self) || !self)
		return;
	pool = pool_at(l, waits[i].kind, self, &is_new);
	if (!pool || !is_new)
		return;
	snprintf(pool->name, sizeof(pool->name), "%s", waits[i].name);
	if (waits[i].read(l->t, self, pool))
		l->found->n--;
}

/* A task whose greenlet waits for a queue in another task, which wait_for() made up to 3.11. */
static void note_spawner(struct look *l, uint64_t task)
{
	if (l->n_spawners < MAX_SPAWNERS)
		l->spawners[l->n_spawners++] = task;
}

static bool is_spawner(const struct look *l, uint64_t task)
{
	for (size_t i = 0; task && i < l->n_spawners; i++)
		if (l->spawners[i] == task)
			return true;
	return false;
}

static void look_at_task(struct look *l, const struct py_raw_task *raw)
{
	struct chain c = { .l = l };

	py_awaits__each(&l->tasks.types, raw->coro, on_link, &c);
	if (c.role == ROLE_SPAWN && !c.is_in_queue)
		note_spawner(l, raw->task);
	else
		add_waited_for(l, &c);
}

/* Of a queue it can be known whose it is by the task that waits for the one that waits for it. */
static void look_at_inner_task(struct look *l, const struct py_raw_task *raw)
{
	struct chain c = { .l = l };

	py_awaits__each(&l->tasks.types, raw->coro, on_link, &c);
	if (c.role || !c.is_in_queue ||
	    !is_spawner(l, py_waiters__of(&l->tasks.waiters, raw->task, &raw->callbacks)))
		return;
	c.role = ROLE_SPAWN;
	add_waited_for(l, &c);
}

static size_t n_looked_at(const struct py_task_reader *tasks)
{
	return tasks->n_alive < MAX_TASKS ? tasks->n_alive : MAX_TASKS;
}

static int look_at_tasks(struct look *l)
{
	struct py_task_reader *tasks = &l->tasks;
	int r = py_task_reader__read_alive(tasks);
	const size_t n = n_looked_at(tasks);

	if (r)
		return r == -ENOENT ? 0 : r;
	l->found->is_cut |= n < tasks->n_alive;
	for (size_t i = 0; i < n; i++)
		look_at_task(l, &tasks->alive[i]);
	if (!l->n_spawners)
		return py_pages__error(tasks->pages);
	r = py_waiters__reserve(&tasks->waiters, n);
	for (size_t i = 0; !r && i < n; i++)
		r = py_waiters__add(&tasks->waiters, tasks->alive[i].task,
				    tasks->alive[i].fut_waiter);
	for (size_t i = 0; !r && i < n; i++)
		look_at_inner_task(l, &tasks->alive[i]);
	return r ? r : py_pages__error(tasks->pages);
}

/* --- all of it */

static int by_threads(const void *a, const void *b)
{
	const struct pool_place *left = a, *right = b;

	return (left->threads < right->threads) - (left->threads > right->threads);
}

/* With one limiter, all threads of anyio are let in by it. */
static void give_places_to_limiter(struct look *l)
{
	struct pool *limiter = NULL;

	for (size_t i = 0; i < l->found->n; i++) {
		if (l->found->list[i].kind != POOL_LIMITER)
			continue;
		if (limiter)
			return;
		limiter = &l->found->list[i];
	}
	if (!limiter)
		return;
	limiter->n_places = l->threads_of_anyio.n_places;
	memcpy(limiter->places, l->threads_of_anyio.places, sizeof(limiter->places));
}

static int by_object(const void *a, const void *b)
{
	const struct pool *left = a, *right = b;

	return (left->object > right->object) - (left->object < right->object);
}

static void finish(struct look *l)
{
	struct pools *found = l->found;

	give_places_to_limiter(l);
	for (size_t i = 0; i < found->n; i++)
		qsort(found->list[i].places, found->list[i].n_places, sizeof(*found->list->places),
		      by_threads);
	qsort(found->list, found->n, sizeof(*found->list), by_object);
}

static void look__freep(struct look **l)
{
	if (*l)
		py_task_reader__done(&(*l)->tasks);
	free(*l);
}

int py_pools(const struct target *t, struct pools *ret, struct lifecycle *life)
{
	_cleanup_(look__freep) struct look *l = calloc(1, sizeof(*l));
	int r;

	*ret = (struct pools){ 0 };
	if (!l)
		return -ENOMEM;
	l->t = t;
	l->found = ret;
	r = py_task_reader__init(&l->tasks, t);
	if (!r)
		r = look_at_threads(l);
	if (!r)
		r = look_at_tasks(l);
	if (!r && life)
		r = py_lifecycle__look(&l->tasks, n_looked_at(&l->tasks), life);
	if (!r)
		finish(l);
	return r;
}
