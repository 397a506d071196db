/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pools of a process: threads or connections that many tasks share. A loop that only waits may
 * wait for a pool of which nothing is free. Read from memory while the process runs: each number
 * may be of another moment than the others.
 */
#ifndef LOOPSTALL_RUNTIME_POOLS_H
#define LOOPSTALL_RUNTIME_POOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loopstall/abi.h>

/* Kinds: name, word in JSON, what it has, what waits for one. */
#define POOL_KINDS(_)                                                                              \
	_(EXECUTOR, "executor", "thread", "call") /* of threads, with a queue of calls */          \
	_(LIMITER, "limiter", "thread", "call") /* bounds how many tasks have a thread */          \
	_(CONNECTIONS, "connections", "connection", "task")

enum pool_kind {
#define _(name, word, member, waiter) POOL_##name,
	POOL_KINDS(_)
#undef _
		POOL_KIND_MAX
};

#define POOLS_MAX 32 /* of a process */
#define POOL_NAME_BYTES 64
#define POOL_PLACES 4

/* What threads of a pool do: the function that was handed to the pool, and where it is. */
struct pool_place {
	struct ls_frame frame;
	uint32_t threads;
};

struct pool {
	enum pool_kind kind;
	uint64_t object; /* its address in the process */
	char name[POOL_NAME_BYTES]; /* UTF-8, raw: of its threads, or of its type; "" if unknown */
	bool is_default; /* the default executor of a loop */
	uint32_t size; /* 0: no limit, or not known */
	uint32_t busy, waiting;
	size_t n_places; /* the most frequent first; 0: not known, or not of threads */
	struct pool_place places[POOL_PLACES];
};

struct pools {
	size_t n;
	bool is_cut; /* there may be more: not all threads or tasks were looked at */
	struct pool list[POOLS_MAX];
};

/* "executor" */
const char *pool_kind__word(enum pool_kind kind);
/* "thread": what a pool of that kind has; "call": what waits for one. */
const char *pool_kind__member(enum pool_kind kind);
const char *pool_kind__waiter(enum pool_kind kind);

/* Nothing is free and something waits. */
static inline bool pool__is_full(const struct pool *p)
{
	return p->size && p->busy >= p->size && p->waiting;
}

#endif
