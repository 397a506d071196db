/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The newest stalls with all their details. One takes several kilobytes, so memory is allocated as
 * stalls arrive, and for no more than are wanted.
 */
#ifndef LOOPSTALL_MODEL_RECENT_H
#define LOOPSTALL_MODEL_RECENT_H

#include "model/model.h"

struct recent {
	size_t wanted; /* at most MODEL_MAX_STALLS */
	uint64_t kept; /* since the start, including those overwritten since */
	/* one more than listed: the entry that is written next is never in the list */
	struct stall *ring[MODEL_MAX_STALLS + 1];
	const struct stall *list[MODEL_MAX_STALLS]; /* of the snapshot */
};

/* The entry for the next stall, NULL without memory. recent__keep() puts it on the list. */
struct stall *recent__next(struct recent *r);
void recent__keep(struct recent *r);
/* Empties the list. */
void recent__reset(struct recent *r);
void recent__rows(struct recent *r, struct snapshot *ret_snapshot);
void recent__done(struct recent *r);

#endif
