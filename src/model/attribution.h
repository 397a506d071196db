/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Derives from a stall's numbers and stacks what is reported: the cause, the place where the time
 * went, the function to blame. Pure, apart from the names that it asks the resolver for.
 */
#ifndef LOOPSTALL_MODEL_ATTRIBUTION_H
#define LOOPSTALL_MODEL_ATTRIBUTION_H

#include "model/model.h"
#include "model/pending.h"

/*
 * The time of those causes `_i` for which the condition holds. A macro, because the elements are
 * __u64 in the kernel's records and uint64_t in the model's rows, which the compiler takes for
 * different types.
 */
#define CAUSES_NS(cause_ns, condition)                                                             \
	({                                                                                         \
		uint64_t _ns = 0;                                                                  \
                                                                                                   \
		for (enum ls_cause _i = 0; _i < LS_CAUSE_MAX; _i++)                                \
			_ns += (condition) ? (cause_ns)[_i] : 0;                                   \
		_ns;                                                                               \
	})
/* The time of all causes of one class. */
#define CLASS_NS(cause_ns, class) CAUSES_NS(cause_ns, ls_cause_class(_i) == (class))
/* What is the host's doing alone. */
#define HOST_NS(cause_ns) CAUSES_NS(cause_ns, ls_cause_host(_i) == LS_HOST_OWN)

/* Sums a list by cause into the four parts of the split. */
void attribution__split(const __u64 *cause_ns, uint64_t *ret_cpu_ns, uint64_t *ret_blocked_ns,
			uint64_t *ret_gil_ns, uint64_t *ret_runqueue_ns);

/* The largest part; of equal ones the first that is not CPU. */
enum ls_cause attribution__cause(const __u64 *cause_ns);

/*
 * Fills call, own, entry, stack and coroutine of `stall`, whose unit and cause are set. 0 or
 * -ENOMEM.
 *
 * The place is the source line with the most time among the stacks that speak for the cause:
 * samples for CPU and for the run queue (where it stood when it had no CPU), waits of that cause
 * for everything else; if there are none, any stack of the span. The stack is the heaviest one that
 * ends in that line. `ret_is_inside` is false for a callback span whose stack shows that the thread
 * had left the loop: a thread whose loop has ended does as it likes.
 */
int attribution__place(const struct resolver *resolver, const struct own_rules *own,
		       const struct ls_rec_stall *rec, const struct pending_span *span,
		       struct stall *stall, bool *ret_is_inside);

#endif
