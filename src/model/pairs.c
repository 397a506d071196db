/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See pairs.h.
 */
#include "model/pairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int pairs__add(struct pairs *p, const void *payer, const void *cause, uint64_t ns,
	       const struct pair **ret_pair)
{
	const struct pair_key key = { payer, cause };
	struct pair *pair;
	int r;

	*ret_pair = NULL;
	table__find(p->table, &key, pair);
	if (!pair) {
		if (HASH_COUNT(p->table) >= PAIRS_MAX) {
			p->refused++;
			return 0;
		}
		pair = calloc(1, sizeof(*pair));
		if (!pair)
			return -ENOMEM;
		pair->key = key;
		r = table__add(p->table, pair);
		if (r) {
			free(pair);
			return r;
		}
	}
	pair->times++;
	pair->total_ns += ns;
	*ret_pair = pair;
	return 0;
}

void pairs__done(struct pairs *p)
{
	table__free(p->table, free);
	memset(p, 0, sizeof(*p));
}
