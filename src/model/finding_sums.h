/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The figures behind findings (findings.h): what stalls of one kind cost at one place, whatever
 * their coroutine. Time that a stall waited for the host is no part of what its line is charged
 * with; where that was most of it, it is a row of its own, without a line.
 *
 * Bounded; stalls without room are counted as a loss.
 */
#ifndef LOOPSTALL_MODEL_FINDING_SUMS_H
#define LOOPSTALL_MODEL_FINDING_SUMS_H

#include <stdbool.h>

#include "model/groups.h"
#include "model/model.h"

#define FINDING_SUMS_MAX 1024

struct finding_sum;

struct finding_sums {
	struct finding_sum *table;
	uint64_t refused;
	bool is_changed;
	size_t n_open, n_loop_rules; /* added to the rows that were made last */
	size_t n_rows;
	uint64_t starved_ns; /* of the rows */
	struct finding_row *rows; /* what the snapshot points to */
};

/* Adds a stall that has ended. 0 or -ENOMEM. */
int finding_sums__stall(struct finding_sums *f, const struct stall *stall);
/*
 * Adds the rows to a snapshot that has the open stalls. `groups` know which functions only pass
 * calls on. 0 or -ENOMEM.
 */
int finding_sums__rows(struct finding_sums *f, const struct groups *groups,
		       struct snapshot *ret_snapshot);
/* Frees the contents; the sums stay usable. */
void finding_sums__done(struct finding_sums *f);

#endif
