/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a stall's numbers and stacks to what a person is told: the cause, the place where the time
 * went, the function to blame. Pure, apart from the names it asks the resolver for.
 */
#ifndef LOOPSTALL_MODEL_ATTRIBUTION_H
#define LOOPSTALL_MODEL_ATTRIBUTION_H

#include "model/model.h"
#include "model/pending.h"

/* Sums a list by cause into the four parts of the split. */
void attribution__split(const __u64 *cause_ns, uint64_t *ret_cpu_ns, uint64_t *ret_blocked_ns,
			uint64_t *ret_gil_ns, uint64_t *ret_runqueue_ns);

/* The largest part; of equal ones the first that is not CPU. */
enum ls_cause attribution__cause(const __u64 *cause_ns);

/*
 * Fills call, stack and coroutine of `stall`, whose unit and cause are set. 0 or -ENOMEM.
 *
 * The place is the source line with the most time among the stacks that speak for the cause:
 * samples for CPU and for the run queue (where it stood when it had no CPU), waits of that cause
 * for everything else; if there are none, any stack of the span. The stack is the heaviest one that
 * ends in that line. `ret_is_inside` is false for a callback span whose stack shows that the thread had left the
 * loop: after asyncio.run() a thread does as it likes.
 */
int attribution__place(const struct resolver *resolver, const struct ls_rec_stall *rec,
		       const struct pending_span *span, struct stall *stall, bool *ret_is_inside);

#endif
