/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one object cost another: a place a victim, or a site a place. Sums only grow, so a caller
 * can keep the largest one while adding. Objects are identified by their addresses.
 */
#ifndef LOOPSTALL_MODEL_PAIRS_H
#define LOOPSTALL_MODEL_PAIRS_H

#include <stdint.h>

#include "base/table.h"

#define PAIRS_MAX 16384

struct pair {
	struct pair_key {
		const void *payer, *cause;
	} key;
	uint64_t times, total_ns;
	UT_hash_handle hh;
};

struct pairs {
	struct pair *table;
	uint64_t refused;
};

/* Adds `ns` to the pair; *ret_pair is NULL if there was no room. 0 or -ENOMEM. */
int pairs__add(struct pairs *p, const void *payer, const void *cause, uint64_t ns,
	       const struct pair **ret_pair);
void pairs__done(struct pairs *p);

#endif
