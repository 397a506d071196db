/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's aggregates by coroutine as last read: one reading for each coroutine on each thread.
 * A reading is absolute and replaces the one before; what counts is its distance from a
 * base, which is zero until a reset. Sums are made when a snapshot is taken. The names of a
 * coroutine are looked up at its first reading, because its process may be gone at the last.
 */
#ifndef LOOPSTALL_MODEL_AGGREGATE_H
#define LOOPSTALL_MODEL_AGGREGATE_H

#include <stdbool.h>

#include "model/model.h"
#include "model/places.h"

/* As many as the kernel's map holds. */
#define AGGREGATE_MAX_COROUTINES 8192
/* Readings find a place where stalls do not any more. */
#define AGGREGATE_MAX_PLACES (2 * AGGREGATE_MAX_COROUTINES)
#define AGGREGATE_MAX_READ_PLACES (3 * AGGREGATE_MAX_COROUTINES)
#define AGGREGATE_MAX_ENDED_THREADS 4096 /* between two ticks */

struct coroutine_reading;
struct ended_thread;

struct aggregate {
	struct coroutine_reading *coroutines; /* table */
	struct place *places; /* table */
	struct ended_thread *ended; /* table: those since the last tick */
	size_t n_ended_places; /* that have something of ended threads */
	uint64_t generation; /* of the last sum */
	uint64_t ticks; /* with an interval, since the last reset */
	bool is_coroutines_full; /* one was refused */
};

void aggregate__done(struct aggregate *a);

/* 0 or -ENOMEM. */
int aggregate__coroutine(struct aggregate *a, const struct resolver *resolver,
			 const struct ls_coro_key *key, const struct ls_coro_stats *stats);

/*
 * A thread has ended, whose last readings come before the next tick. There they are added to what is kept by place, so that threads may
 * come and go without end. 0 or -ENOMEM.
 */
int aggregate__thread_end(struct aggregate *a, uint32_t pid, uint32_t tid);

/* Makes rates of what came since the last call, `interval_ns` ago; 0: there was none. */
void aggregate__tick(struct aggregate *a, uint64_t interval_ns);

/* The place of a stall's coroutine; NULL if it has none or there is no room. 0 or -ENOMEM. */
int aggregate__place(struct aggregate *a, const struct code_info *info, struct place **ret_place);

/* From here on only what comes on top of the readings counts. */
void aggregate__reset(struct aggregate *a);

/*
 * Sums the readings into the totals of ret_snapshot, which has those of the loops already, and into *rows, which is made larger as needed
 * and belongs to the caller. Steps without a row of their own are in a row "(other)" if
 * `has_other`. 0 or -ENOMEM.
 */
int aggregate__sum(struct aggregate *a, bool has_other, struct coroutine_row **rows,
		   struct snapshot *ret_snapshot);

#endif
