/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The newest stalls, whole. One is several kilobytes: memory is taken only for those that come, and no more than
 * are wanted.
 */
#ifndef LOOPSTALL_MODEL_RECENT_H
#define LOOPSTALL_MODEL_RECENT_H

#include "model/model.h"

struct recent {
	size_t wanted; /* at most MODEL_MAX_STALLS */
	uint64_t kept; /* so far, those it lost again included */
	struct stall *ring[MODEL_MAX_STALLS + 1]; /* one more, so that the next one is never one of the list */
	const struct stall *list[MODEL_MAX_STALLS]; /* of the snapshot */
};

/* Where to write the next stall, NULL without memory. It is of the list only when it is kept. */
struct stall *recent__next(struct recent *r);
void recent__keep(struct recent *r);
/* Forgets all. */
void recent__reset(struct recent *r);
void recent__rows(struct recent *r, struct snapshot *ret_snapshot);
void recent__done(struct recent *r);

#endif
