/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A step that awaits again and again and never has to suspend, as `await queue.get()` of a queue
 * that is full: the loop gets no turn although the code looks as if it gave it one.
 */
#ifndef LOOPSTALL_MODEL_AWAITS_H
#define LOOPSTALL_MODEL_AWAITS_H

#include "model/model.h"
#include "model/pending.h"

/*
 * Sets stall->repeated_await from the samples of the span. Only what was seen counts: at the same
 * await at two times with something else in between, and left again.
 */
void awaits__find(const struct resolver *resolver, const struct pending_span *span,
		  struct stall *stall);

#endif
