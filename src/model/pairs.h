/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one thing cost another: a place a victim, or a site a place. Sums only grow, so the largest of
 * each is known without looking for it. Things are told apart by their addresses.
 */
#ifndef LOOPSTALL_MODEL_PAIRS_H
#define LOOPSTALL_MODEL_PAIRS_H

#include <stdint.h>

#include "model/table.h"

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

/* Adds to what `payer` has paid for `cause`; NULL in *ret_pair if there was no room. 0 or -ENOMEM. */
int pairs__add(struct pairs *p, const void *payer, const void *cause, uint64_t ns,
	       const struct pair **ret_pair);
void pairs__done(struct pairs *p);

#endif
