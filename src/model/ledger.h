/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stalls cost, booked by call site: the source lines in which they spent their time. Bounded; what finds
 * no room is counted.
 */
#ifndef LOOPSTALL_MODEL_LEDGER_H
#define LOOPSTALL_MODEL_LEDGER_H

#include <stdbool.h>

#include "model/model.h"
#include "model/pairs.h"
#include "model/places.h"

#define LEDGER_MAX_SITES 2048

struct ledger_site;

struct ledger {
	struct ledger_site *sites; /* table */
	struct pairs pairs; /* place, site */
	uint64_t refused;
	/* What the snapshot points to, made anew only if something was booked since. */
	bool is_changed;
	size_t n_rows;
	struct site_row *rows;
};

/* Books a stall. `place` is that of its coroutine, NULL if it has none. 0 or -ENOMEM. */
int ledger__stall(struct ledger *l, const struct stall *stall, struct place *place);
/* Makes the rows. 0 or -ENOMEM. */
int ledger__rows(struct ledger *l, struct snapshot *ret_snapshot);
/* Empties it; it can be used further. */
void ledger__done(struct ledger *l);

#endif
