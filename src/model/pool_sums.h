/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools of threads and connections, each with how long nothing of it was free. They are looked at
 * about once a second: what is full at two looks in a row was so in between.
 */
#ifndef LOOPSTALL_MODEL_POOL_SUMS_H
#define LOOPSTALL_MODEL_POOL_SUMS_H

#include "base/table.h"
#include "model/model.h"

#define POOL_SUMS_MAX 1024

struct pool_sums {
	struct pool_sum *table;
	struct pool_row *rows;
	/* looks at pools for which there was no room, and removed ones that were full once */
	uint64_t refused;
};

void pool_sums__done(struct pool_sums *p);
/* As model__pools(). */
int pool_sums__look(struct pool_sums *p, const struct resolver *resolver, uint64_t now_ns,
		    uint32_t pid, const struct pool *list, size_t n);
/* Sets pools and n_pools. 0 or -ENOMEM. */
int pool_sums__rows(struct pool_sums *p, struct snapshot *ret_snapshot);

#endif
