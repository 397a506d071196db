/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop threads: the kernel's aggregate of each as last read, absolute as those of aggregate.h, and what the
 * owner found out about its loop.
 */
#ifndef LOOPSTALL_MODEL_LOOPS_H
#define LOOPSTALL_MODEL_LOOPS_H

#include "model/model.h"

/* As many as the kernel's map holds. */
#define LOOPS_MAX_THREADS 4096
/* Rows of threads that have ended; what those before them did is in the totals only. */
#define LOOPS_MAX_ENDED 256

struct loop_reading;

struct loops {
	struct loop_reading *readings; /* table */
	uint64_t refused; /* readings */
	size_t n_ended; /* readings that are final */
	struct ls_thread_stats ended; /* of threads that have no reading any more */
	uint64_t callbacks_starved_ns; /* of all, at the last sum */
	size_t n_rows;
	struct loop_row *rows; /* of the last sum */
};

void loops__done(struct loops *l);

/* 0 or -ENOMEM. */
int loops__thread(struct loops *l, uint32_t pid, uint32_t tid, const struct ls_thread_stats *stats);
int loops__info(struct loops *l, uint32_t pid, uint32_t tid, const struct model_loop_info *info);

/* The thread runs no loop any more (tid 0: none of the process): nothing is ready in it. */
void loops__forget(struct loops *l, uint32_t pid, uint32_t tid);
/* A thread has ended; its last reading comes before the next tick. 0 or -ENOMEM. */
int loops__thread_end(struct loops *l, uint32_t pid, uint32_t tid);

/*
 * Makes rates of what came since the last call, `interval_ns` ago; 0: there was none. A span that
 * is open, of `live`, counts as busy. Returns the share of its time the busiest loop was busy, and
 * the steps of all loops in a second.
 */
double loops__tick(struct loops *l, uint64_t now_ns, uint64_t interval_ns,
		   const struct live_row *live, size_t n_live, double *ret_steps_per_s);

/* From here on only what comes on top of the readings counts. */
void loops__reset(struct loops *l);

/* Makes the rows and the totals of ret_snapshot. 0 or -ENOMEM. */
int loops__sum(struct loops *l, struct snapshot *ret_snapshot);

#endif
