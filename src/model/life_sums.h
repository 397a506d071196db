/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The groups of tasks of all processes: how many there are and were, since when, and which of them
 * are a problem. They are looked at about once a second.
 */
#ifndef LOOPSTALL_MODEL_LIFE_SUMS_H
#define LOOPSTALL_MODEL_LIFE_SUMS_H

#include "base/table.h"
#include "model/model.h"

#define LIFE_SUMS_MAX 1024
/*
 * A task that was asked to cancel may clean up first, and one that failed may be asked for its
 * result soon: after this time it is said.
 */
#define LIFE_PATIENCE_NS (5 * NS_PER_S)
/*
 * A group grows without end if none of its members ended while so many were added, for this time,
 * at nearly every look.
 */
#define LIFE_GROWTH_NS (10 * NS_PER_S)
#define LIFE_GROWTH_LOOKS 5
#define LIFE_GROWTH_COUNT 20

struct life_sums {
	struct life_sum *table;
	struct life_row *rows;
	/* groups of looks for which there was no room, and removed ones that were a problem */
	uint64_t refused;
};

void life_sums__done(struct life_sums *l);
/* As model__lives(). */
int life_sums__look(struct life_sums *l, const struct resolver *resolver, uint64_t now_ns,
		    uint32_t pid, const struct life_group *list, size_t n);
/* Sets lives and n_lives. 0 or -ENOMEM. */
int life_sums__rows(struct life_sums *l, struct snapshot *ret_snapshot);

#endif
