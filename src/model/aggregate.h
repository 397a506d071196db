/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's aggregates as last read: one reading for each coroutine on each thread, one for each
 * thread. A reading is absolute and replaces the one before; what counts is its distance from a
 * base, which is zero until a reset. Sums are made when a snapshot is taken. The names of a
 * coroutine are looked up at its first reading, because its process may be gone at the last.
 */
#ifndef LOOPSTALL_MODEL_AGGREGATE_H
#define LOOPSTALL_MODEL_AGGREGATE_H

#include <stdbool.h>

#include "model/model.h"
#include "model/places.h"

/* As many as the kernel's maps hold. */
#define AGGREGATE_MAX_COROUTINES 8192
#define AGGREGATE_MAX_THREADS 4096
/* Readings always find a place; those of stalls may take as many more. */
#define AGGREGATE_MAX_PLACES (2 * AGGREGATE_MAX_COROUTINES)

struct coroutine_reading;
struct thread_reading;

struct aggregate {
	struct coroutine_reading *coroutines; /* table */
	struct thread_reading *threads; /* table */
	struct place *places; /* table */
	size_t n_loops;
	struct loop_row *loops; /* of the last sum */
	uint64_t generation; /* of the last sum */
	bool is_coroutines_full; /* one was refused */
	uint64_t refused_threads; /* readings */
};

void aggregate__done(struct aggregate *a);

/* 0 or -ENOMEM. */
int aggregate__coroutine(struct aggregate *a, const struct resolver *resolver,
			 const struct ls_coro_key *key, const struct ls_coro_stats *stats);
int aggregate__thread(struct aggregate *a, uint32_t pid, uint32_t tid,
		      const struct ls_thread_stats *stats);

/*
 * Makes rates of what came since the last call, `interval_ns` ago; 0: there was none. A span that
 * is open, of `live`, counts as busy. Returns the share of its time the busiest loop was busy, and
 * the steps of all loops in a second.
 */
double aggregate__tick(struct aggregate *a, uint64_t now_ns, uint64_t interval_ns,
		       const struct live_row *live, size_t n_live, double *ret_steps_per_s);

/* The place of a stall's coroutine; NULL if it has none or there is no room. 0 or -ENOMEM. */
int aggregate__place(struct aggregate *a, const struct code_info *info, struct place **ret_place);

/* From here on only what comes on top of the readings counts. */
void aggregate__reset(struct aggregate *a);

/*
 * Sums the readings into the totals of ret_snapshot and into *rows, which is made larger as needed
 * and belongs to the caller. Steps without a row of their own are in a row "(other)" if
 * `has_other`. 0 or -ENOMEM.
 */
int aggregate__sum(struct aggregate *a, bool has_other, struct coroutine_row **rows,
		   struct snapshot *ret_snapshot);

#endif
