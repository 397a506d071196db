/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a turn that stalled consisted of, and the step that made its tasks ready.
 */
#ifndef LOOPSTALL_MODEL_TURN_H
#define LOOPSTALL_MODEL_TURN_H

#include "model/model.h"
#include "model/pending.h"

/* Fills stall->turn, if a record of it came with the span. `words` of the stall are set. */
void turn__fill(const struct resolver *resolver, const struct pending_span *span,
		struct stall *stall);

/* Asks the resolver for the names that turn__fill() will need. */
void turn__learn_names(const struct resolver *resolver, const struct ls_rec_turn *rec);

/* The coroutine that ran most of the turn; NULL: not known, or the stall is no turn. */
const struct code_info *turn__coroutine(const struct stall *stall);

/* The share of its time that this coroutine took; 0: not known. */
double turn__share(const struct stall *stall);

/* Time of the turn outside its steps: callbacks, and the loop's own work. */
uint64_t turn__callbacks_ns(const struct stall *stall);

#endif
