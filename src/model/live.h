/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stalls that are open right now, with their names.
 */
#ifndef LOOPSTALL_MODEL_LIVE_H
#define LOOPSTALL_MODEL_LIVE_H

#include "model/model.h"

struct library_calls;
struct pending;

struct live {
	size_t n_rows;
	struct stall *rows; /* longest first */
	uint64_t read_ns;
};

/* What their names and places come from. */
struct live_inputs {
	const struct resolver *resolver;
	const struct own_rules *own;
	const struct pending *pending;
	struct library_calls *library_calls;
};

/* 0 or -ENOMEM. */
int live__replace(struct live *l, const struct live_inputs *in, const struct model_live *live,
		  size_t n);
/* A stall has ended: from now on it is one of the others. */
void live__forget(struct live *l, const struct stall *ended);
/*
 * Adds the open stalls to the snapshot, and to the rows of their coroutines; a coroutine none of
 * whose steps has ended gets a row. *rows are those of the snapshot, and grow as needed. 0 or
 * -ENOMEM.
 */
int live__rows(const struct live *l, struct coroutine_row **rows, struct snapshot *ret_snapshot);
void live__done(struct live *l);

#endif
