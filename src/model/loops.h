/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop threads: the kernel's counters of each as last read (absolute, see aggregate.h), and
 * what user space found out about its loop.
 */
#ifndef LOOPSTALL_MODEL_LOOPS_H
#define LOOPSTALL_MODEL_LOOPS_H

#include "model/model.h"
#include "model/seconds.h"

/* As many as the kernel's map holds. */
#define LOOPS_MAX_THREADS 4096
/* Rows kept of ended threads; older ones remain in the totals only. */
#define LOOPS_MAX_ENDED 256

struct loop_reading;

struct loops {
	struct loop_reading *readings; /* table */
	uint64_t refused; /* readings */
	size_t n_ended; /* readings that are final */
	struct ls_thread_stats ended; /* sum over the threads whose reading was removed */
	uint64_t callbacks_starved_ns; /* of all threads, at the last sum */
	size_t n_rows;
	struct loop_row *rows; /* of the last sum */
};

void loops__done(struct loops *l);

/* The processes of all readings, some more than once. The caller frees them; or -ENOMEM. */
int loops__pids(const struct loops *l, uint32_t **ret_pids, size_t *ret_n);
/* 0 or -ENOMEM. */
int loops__thread(struct loops *l, uint32_t pid, uint32_t tid, const struct ls_thread_stats *stats);
int loops__info(struct loops *l, uint32_t pid, uint32_t tid, const struct model_loop_info *info);
/*
 * Removes a span from the numbers of its thread, which the kernel side took for a callback of a
 * loop. Its reading may still be on its way. 0 or -ENOMEM.
 */
int loops__remove_span(struct loops *l, const struct ls_rec_stall *rec);
/* Adds a span whose end the kernel side did not see, so that it is in no reading. 0 or -ENOMEM. */
int loops__add_span(struct loops *l, const struct ls_rec_stall *rec);
/*
 * A step that began before its thread was found: the kernel side counted it as a callback. 0 or
 * -ENOMEM.
 */
int loops__turn_into_step(struct loops *l, const struct ls_rec_stall *rec);

/* The thread (tid 0: every thread of the process) runs no loop any more. */
void loops__forget(struct loops *l, uint32_t pid, uint32_t tid);
/* A thread has ended; its last reading arrives before the next tick. 0 or -ENOMEM. */
int loops__thread_end(struct loops *l, uint32_t pid, uint32_t tid);

/*
 * Computes rates over the `interval_ns` since the last call; 0 at the first call. Open spans
 * (`live`) count as busy time.
 */
void loops__tick(struct loops *l, uint64_t now_ns, uint64_t interval_ns, const struct stall *live,
		 size_t n_live, struct activity *ret_activity);

/* Makes the current readings the base. */
void loops__reset(struct loops *l);

/* See model__each_sum(). 0 or -errno. */
int loops__each_sum(const struct loops *l, int (*fn)(void *ctx, const struct thread_sum *sum),
		    void *ctx);

/* Adds the rows and the totals to the snapshot. 0 or -ENOMEM. */
int loops__sum(struct loops *l, struct snapshot *ret_snapshot);

#endif
