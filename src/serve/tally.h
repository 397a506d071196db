/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers of one service that only grow: times, counts and three histograms, as one array, so that
 * they are summed and compared in one place.
 */
#ifndef LOOPSTALL_SERVE_TALLY_H
#define LOOPSTALL_SERVE_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "model/model.h"

/*
 * The upper bounds of the histograms' buckets, near these durations in ns. Each is an edge of the
 * kernel side's histogram (include/loopstall/hist.h), so that the counts are exact.
 */
#define TALLY_BOUNDS(_)                                                                            \
	_(100000)                                                                                  \
	_(250000)                                                                                  \
	_(500000)                                                                                  \
	_(1000000)                                                                                 \
	_(2500000)                                                                                 \
	_(5000000)                                                                                 \
	_(10000000)                                                                                \
	_(25000000)                                                                                \
	_(50000000)                                                                                \
	_(100000000)                                                                               \
	_(250000000)                                                                               \
	_(500000000)                                                                               \
	_(1000000000)                                                                              \
	_(2500000000)                                                                              \
	_(10000000000)

#define _(ns) +1
enum { TALLY_N_BOUNDS = 0 TALLY_BOUNDS(_) };
#undef _
#define TALLY_N_BUCKETS (TALLY_N_BOUNDS + 1) /* the last bucket has no upper bound */

/* Bound number i < TALLY_N_BOUNDS: durations below it are in the buckets up to i. */
uint64_t tally_bound_ns(size_t i);
size_t tally_bucket_of(uint64_t ns);

enum tally_field {
	TALLY_STEPS_NS,
	TALLY_CALLBACKS_NS,
	TALLY_OTHER_NS, /* of the loop, in none of its three states */
	TALLY_IDLE_NS,
	TALLY_GIL_NS,
	TALLY_RUNQUEUE_NS, /* without the next one */
	TALLY_THROTTLED_NS,
	TALLY_GC_NS,
	TALLY_STALLS,
	TALLY_STARVED_NS,
	TALLY_WAITS, /* of tasks behind stalls of others */
	TALLY_WAIT_SUM_NS, /* of the waits in the histogram */
	TALLY_STEP_SUM_NS, /* of the steps in the histogram */
	TALLY_STEP_HIST,
	TALLY_TURN_HIST = TALLY_STEP_HIST + TALLY_N_BUCKETS,
	TALLY_WAIT_HIST = TALLY_TURN_HIST + TALLY_N_BUCKETS,
	TALLY_FIELDS = TALLY_WAIT_HIST + TALLY_N_BUCKETS,
};

struct tally {
	uint64_t v[TALLY_FIELDS];
};

void tally__add(struct tally *t, const struct tally *other);
/* Raises each field to the larger one of both, so that none falls. */
void tally__raise(struct tally *t, const struct tally *other);
void tally__add_thread(struct tally *t, const struct ls_thread_stats *stats);
void tally__add_coroutine(struct tally *t, const struct ls_coro_stats *stats);
uint64_t tally__watched_ns(const struct tally *t);

#endif
