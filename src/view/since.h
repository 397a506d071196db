/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows of groups, counted since a moment instead of since the beginning: of the last seconds (a
 * window), or since a baseline was marked, with which they are then compared. What is kept of a
 * moment are numbers and identities, no names, so it may outlive its model.
 *
 * Counters are subtracted, percentiles are those of the difference of the histograms. What cannot
 * be known of a part of the time is not shown: where the worst stall was stays that of all.
 */
#ifndef LOOPSTALL_VIEW_SINCE_H
#define LOOPSTALL_VIEW_SINCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"

struct since;

int since__new(struct since **ret_since);
void since__free(struct since *s);

/*
 * Counting began anew at that time (0: when measuring began), or jumped to another moment of a
 * recording: no moment is known any more.
 */
void since__forget(struct since *s, uint64_t from_ns);
/* All time, the last 10 seconds, the last minute, and so on. */
void since__next_window(struct since *s);
/*
 * What was counted so far, or since the last mark, becomes the baseline at the next since__apply().
 * The second time it is given up.
 */
void since__mark(struct since *s);
bool since__has_baseline(const struct since *s);
/* The rows of another run, which took so long. 0 or -ENOMEM. */
int since__set_baseline(struct since *s, const struct snapshot *snapshot, uint64_t duration_ns);

/*
 * Hands out the snapshot with other groups, valid until the next call; the snapshot itself if all
 * time is shown. `started_ns`: when counting began. 0 or -ENOMEM.
 */
int since__apply(struct since *s, const struct snapshot *snapshot, uint64_t now_ns,
		 uint64_t started_ns, struct snapshot *ret_snapshot);

#define SINCE_TEXT_BYTES 64
/* "last 10s", "since mark 2m03s"; "" for all time. */
void since__text(const struct since *s, uint64_t now_ns, char text[SINCE_TEXT_BYTES]);

/* One row of the baseline, by the second. */
struct since_base {
	uint64_t id;
	double steps_per_s, busy, stalls_per_s, starved_per_s, suffered_per_s;
	uint64_t steps, stalls;
	uint64_t p50_ns, p95_ns, p99_ns, max_ns;
};

/* Time that the rows of the last since__apply() span. */
uint64_t since__duration_ns(const struct since *s);
/* What the baseline says of a row of a group; NULL: it has none. */
const struct since_base *since__base(const struct since *s, enum group_key of,
				     const struct group_row *row);

#endif
