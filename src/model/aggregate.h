/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's aggregates as last read: one reading for each coroutine on each thread, one for each
 * thread. A reading is absolute and replaces the one before; sums are made when a snapshot is
 * taken. The names of a coroutine are looked up at its first reading, because its process may be
 * gone at the last.
 */
#ifndef LOOPSTALL_MODEL_AGGREGATE_H
#define LOOPSTALL_MODEL_AGGREGATE_H

#include <stdbool.h>

#include "model/model.h"

/* As many as the kernel's maps hold. */
#define AGGREGATE_MAX_COROUTINES 8192
#define AGGREGATE_MAX_THREADS 4096

struct coroutine_reading;
struct thread_reading;

struct aggregate {
	struct coroutine_reading *coroutines; /* table */
	struct thread_reading *threads; /* table */
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
 * Sums the readings into the totals of ret_snapshot and into *rows, which is made larger as needed
 * and belongs to the caller. Steps without a row of their own are in a row "(other)" if
 * `has_other`. 0 or -ENOMEM.
 */
int aggregate__sum(const struct aggregate *a, bool has_other, struct coroutine_row **rows,
		   struct snapshot *ret_snapshot);

#endif
