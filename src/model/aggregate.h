/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's aggregates by coroutine as last read: one reading per coroutine and thread. A
 * reading is absolute and replaces the previous one; what counts is the difference to a base, which
 * is zero until a reset. A snapshot sums the readings. A coroutine's names are resolved at its
 * first reading, because its process may be gone at the last one.
 */
#ifndef LOOPSTALL_MODEL_AGGREGATE_H
#define LOOPSTALL_MODEL_AGGREGATE_H

#include <stdbool.h>

#include "model/model.h"
#include "model/places.h"

/* As many as the kernel's map holds. */
#define AGGREGATE_MAX_COROUTINES 8192
/* Readings may still add places when stalls may not: a stall without a place only lacks a row. */
#define AGGREGATE_MAX_PLACES (2 * AGGREGATE_MAX_COROUTINES)
#define AGGREGATE_MAX_READ_PLACES (3 * AGGREGATE_MAX_COROUTINES)
#define AGGREGATE_MAX_ENDED_THREADS 4096 /* between two ticks */

struct coroutine_reading;
struct ended_thread;

struct aggregate {
	struct coroutine_reading *coroutines; /* table */
	struct place *places; /* table */
	struct ended_thread *ended; /* table: since the last tick */
	size_t n_ended_places; /* places that hold sums of ended threads */
	uint64_t generation; /* of the last sum */
	uint64_t ticks; /* with an interval, since the last reset */
	bool is_coroutines_full; /* a coroutine had no room */
};

void aggregate__done(struct aggregate *a);

/* 0 or -ENOMEM. */
int aggregate__coroutine(struct aggregate *a, const struct resolver *resolver,
			 const struct ls_coro_key *key, const struct ls_coro_stats *stats);

/*
 * A thread has ended; its last readings arrive before the next tick, which adds them to the sums by
 * place. So memory stays bounded however many threads come and go. 0 or -ENOMEM.
 */
int aggregate__thread_end(struct aggregate *a, uint32_t pid, uint32_t tid);

/* Computes rates over the `interval_ns` since the last call; 0 at the first call. */
void aggregate__tick(struct aggregate *a, uint64_t interval_ns);

/* See model__each_sum(). 0 or -errno. */
int aggregate__each_sum(const struct aggregate *a,
			int (*fn)(void *ctx, const struct coroutine_sum *sum), void *ctx);

/* The place of a stall's coroutine; NULL if it has none or there is no room. 0 or -ENOMEM. */
int aggregate__place(struct aggregate *a, const struct code_info *coroutine,
		     const struct runtime_words *words, struct place **ret_place);

/* Adds to its place a step that no reading holds: its end, or its beginning, was not seen. */
void aggregate__add_step(struct aggregate *a, struct place *place, const struct stall *stall);

/* Makes the current readings the base. */
void aggregate__reset(struct aggregate *a);

/*
 * Sums the readings into *rows (grown as needed, owned by the caller) and into the totals of
 * ret_snapshot, which holds those of the loops already. With `has_other`, steps without a row of
 * their own go into a row "(other)". 0 or -ENOMEM.
 */
int aggregate__sum(struct aggregate *a, bool has_other, struct coroutine_row **rows,
		   struct snapshot *ret_snapshot);

#endif
