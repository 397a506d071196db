/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See recent.h.
 */
#include "model/recent.h"

#include <stdlib.h>

struct stall *recent__next(struct recent *r)
{
	struct stall **entry = &r->ring[r->kept % (r->wanted + 1)];

	if (!*entry)
		*entry = malloc(sizeof(**entry));
	return *entry;
}

void recent__keep(struct recent *r)
{
	r->kept++;
}

void recent__reset(struct recent *r)
{
	r->kept = 0;
}

void recent__rows(struct recent *r, struct snapshot *ret_snapshot)
{
	const size_t n = r->kept < r->wanted ? r->kept : r->wanted;

	for (size_t i = 0; i < n; i++)
		r->list[i] = r->ring[(r->kept - 1 - i) % (r->wanted + 1)];
	ret_snapshot->n_stalls = n;
	ret_snapshot->stall_list = r->list;
}

void recent__done(struct recent *r)
{
	for (size_t i = 0; i < MODEL_MAX_STALLS + 1; i++) {
		free(r->ring[i]);
		r->ring[i] = NULL;
	}
	r->kept = 0;
}
