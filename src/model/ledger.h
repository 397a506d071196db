/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stalls cost, booked by call site and by victim: the source lines in which they spent their
 * time, the task names that had to wait, and who made them wait. Bounded; what finds no room is
 * counted.
 */
#ifndef LOOPSTALL_MODEL_LEDGER_H
#define LOOPSTALL_MODEL_LEDGER_H

#include <stdbool.h>

#include "model/model.h"
#include "model/places.h"

#define LEDGER_MAX_SITES 2048
#define LEDGER_MAX_VICTIMS 4096
#define LEDGER_MAX_PAIRS 16384

struct ledger_site;
struct ledger_victim;
struct ledger_pair;

struct ledger {
	struct ledger_site *sites; /* table */
	struct ledger_victim *victims; /* table */
	struct ledger_pair *pairs; /* table */
	uint64_t refused_sites, refused_victims, refused_pairs;
	/* What the snapshot points to, made anew only if something was booked since. */
	bool is_changed;
	size_t n_site_rows, n_victim_rows;
	struct site_row *site_rows;
	struct victim_row *victim_rows;
};

/*
 * Books a stall. `place` is that of its coroutine, NULL if it has none; `waited_ns` has what each
 * of the named victims waited. 0 or -ENOMEM.
 */
int ledger__stall(struct ledger *l, const struct stall *stall, struct place *place,
		  const uint64_t *waited_ns);
/* Makes the rows. 0 or -ENOMEM. */
int ledger__rows(struct ledger *l, struct snapshot *ret_snapshot);
/* Empties it; it can be used further. */
void ledger__done(struct ledger *l);

#endif
