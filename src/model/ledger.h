/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stalls cost by call site, the source line in which they spent their time. Bounded; sites
 * without room are counted as a loss.
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
	/* What the snapshot points to; rebuilt only after a change. */
	bool is_changed;
	size_t n_rows;
	struct site_row *rows;
	size_t n_costs;
	struct site_cost_row *costs;
};

/* Adds a stall. `place` is that of its coroutine, NULL if there is none. 0 or -ENOMEM. */
int ledger__stall(struct ledger *l, const struct stall *stall, struct place *place);
/* Adds the rows to the snapshot. 0 or -ENOMEM. */
int ledger__rows(struct ledger *l, struct snapshot *ret_snapshot);
/* Frees the contents; the ledger stays usable. */
void ledger__done(struct ledger *l);

#endif
