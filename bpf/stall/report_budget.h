/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Rate limits of records in a storm of stalls. A stall beyond the limit is counted and part of all
 * sums but gets no record, so that thousands of them fill neither the ring nor user space's time.
 */
#ifndef LOOPSTALL_BPF_REPORT_BUDGET_H
#define LOOPSTALL_BPF_REPORT_BUDGET_H

#ifndef LOOPSTALL_HOSTED
#include "core/maps.h"
#endif
#include "core/port.h"
#include "core/state.h"

#define BUDGET_TRIES 4 /* when other CPUs take from it at the same moment */
#define SECOND_NS 1000000000ULL
/* Unused budget is kept, up to this much. */
#define STALL_BURST_NS (3 * SECOND_NS)
#define SAMPLE_BURST_NS SECOND_NS
#define COPY_BURST_NS (SECOND_NS / 2)
/* Code objects, each of which is copied once: 1000 a second, after a quiet period 500 at once. */
#define CODE_PRICE_NS 1000000ULL
#define CODE_BURST_NS (SECOND_NS / 2)
/*
 * The first stall of each coroutine in FIRST_EVERY_NS: at most 200 a second, after a quiet period
 * as many as there are coroutines.
 */
#define FIRST_PRICE_NS 5000000ULL
#define FIRST_EVERY_NS (SECOND_NS / 2)
#define FIRST_BURST_NS (LS_MAX_COROUTINES * FIRST_PRICE_NS)

/*
 * Takes one unit from a budget that is full again at `*whole_at_ns`. Each unit moves that time by
 * `price_ns`, to at most `burst_ns` from now. A price of 0 means no limit.
 */
LS_INLINE int budget_take(__u64 *whole_at_ns, __u64 price_ns, __u64 burst_ns, __u64 now_ns)
{
	__u64 before, from;
	__u32 i;

	for (i = 0; i < BUDGET_TRIES; i++) {
		before = *(volatile __u64 *)whole_at_ns;
		from = before > now_ns ? before : now_ns;
		if (from - now_ns >= burst_ns)
			return 0;
		if (__sync_val_compare_and_swap(whole_at_ns, before, from + price_ns) == before)
			return 1;
	}
	return 0;
}

/* At least twice as long as all others of its second. These are few and matter most. */
LS_INLINE int is_longest(__u64 duration_ns, __u64 now_ns)
{
	if (now_ns - budgets.second_ns >= SECOND_NS) {
		budgets.second_ns = now_ns;
		budgets.longest_ns = 0;
	}
	if (duration_ns / 2 < budgets.longest_ns)
		return 0;
	budgets.longest_ns = duration_ns;
	return 1;
}

/*
 * Is this stall reported? At least one of each coroutine on each thread is in half a second, so
 * that a coroutine that stalls all the time does not hide the others.
 */
LS_INLINE int stall_is_reported(struct ls_coro_stats *stats, __u64 duration_ns, __u64 now_ns)
{
	int is_reported = is_longest(duration_ns, now_ns);

	if (budget_take(&budgets.stalls_ns, settings.stall_price_ns, STALL_BURST_NS, now_ns))
		is_reported = 1;
	if (!stats)
		return is_reported;
	if (!is_reported && now_ns - stats->reported_at_ns >= FIRST_EVERY_NS)
		is_reported =
			budget_take(&budgets.firsts_ns, FIRST_PRICE_NS, FIRST_BURST_NS, now_ns);
	if (is_reported)
		stats->reported_at_ns = now_ns;
	return is_reported;
}

/* Is this CPU sample sent? */
LS_INLINE int sample_is_sent(__u64 now_ns)
{
	return budget_take(&budgets.samples_ns, settings.sample_price_ns, SAMPLE_BURST_NS, now_ns);
}

/* Is this code object copied and sent? */
LS_INLINE int code_is_sent(__u64 now_ns)
{
	return budget_take(&budgets.codes_ns, CODE_PRICE_NS, CODE_BURST_NS, now_ns);
}

/* Is this user stack copied and sent? */
LS_INLINE int copy_is_sent(__u64 now_ns)
{
	return budget_take(&budgets.copies_ns, settings.copy_price_ns, COPY_BURST_NS, now_ns);
}

#endif
