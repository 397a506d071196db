/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who had to wait and behind whom: one row per victim, one per pair of a victim and the coroutine
 * that stalled. Bounded; what has no room is counted as a loss.
 */
#ifndef LOOPSTALL_MODEL_VICTIMS_H
#define LOOPSTALL_MODEL_VICTIMS_H

#include <stdbool.h>

#include "model/model.h"
#include "model/pairs.h"
#include "model/places.h"

#define VICTIMS_MAX 4096

/* One named victim of one stall. */
struct victim {
	const char *name; /* as the target has it */
	struct code_info coroutine; /* NULLs if not known */
	uint64_t waited_ns;
};

struct victim_entry;

struct victims {
	struct victim_entry *entries; /* table */
	struct pairs pairs; /* entry, place */
	uint64_t refused;
	/* What the snapshot points to; rebuilt only after a change. */
	bool is_changed;
	size_t n_rows, n_payer_rows;
	struct victim_row *rows;
	struct payer_row *payer_rows;
};

/*
 * Adds one victim's wait. `place` is that of the stall's coroutine, NULL if it has none. 0 or
 * -ENOMEM.
 */
int victims__book(struct victims *v, const struct stall *stall, const struct place *place,
		  const struct victim *victim);
/* Adds the rows to the snapshot. 0 or -ENOMEM. */
int victims__rows(struct victims *v, struct snapshot *ret_snapshot);
/* Frees the contents; the object stays usable. */
void victims__done(struct victims *v);

#endif
