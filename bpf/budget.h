/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * How much user space is told in a storm. What there is no budget for is counted and in all sums, but comes without a record of its
 * own, so that neither the ring nor user space's time is spent on thousands of them.
 */
#ifndef LOOPSTALL_BPF_BUDGET_H
#define LOOPSTALL_BPF_BUDGET_H

#ifndef LOOPSTALL_HOSTED
#include "maps.h"
#endif
#include "port.h"
#include "state.h"

#define BUDGET_TRIES 4 /* when other CPUs take from it at the same moment */
#define SECOND_NS 1000000000ULL
/* What was not used is saved, up to so many seconds' worth. */
#define STALL_BURST_NS (3 * SECOND_NS)
#define SAMPLE_BURST_NS SECOND_NS
/* The first of each coroutine in a while: 200 a second at most, or as many as there are coroutines after some quiet. */
#define FIRST_PRICE_NS 5000000ULL
#define FIRST_EVERY_NS (SECOND_NS / 2)
#define FIRST_BURST_NS (LS_MAX_COROUTINES * FIRST_PRICE_NS)

/*
 * Takes one from the budget that is whole again at `*whole_at_ns`: each postpones that by `price_ns`, and no further than `burst_ns`
 * from now. A price of 0 is no limit.
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

/* Twice as long as all others of its second: in a second there can be few of those, and they matter most. */
LS_INLINE int is_outstanding(__u64 duration_ns, __u64 now_ns)
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
 * Whether a stall gets a record. One of each coroutine on each thread does in half a second, so that those of the one that stalls
 * without end do not hide the others'.
 */
LS_INLINE int stall_is_told(struct ls_coro_stats *stats, __u64 duration_ns, __u64 now_ns)
{
	int is_told = is_outstanding(duration_ns, now_ns);

	if (budget_take(&budgets.stalls_ns, settings.stall_price_ns, STALL_BURST_NS, now_ns))
		is_told = 1;
	if (!stats)
		return is_told;
	if (!is_told && now_ns - stats->told_at_ns >= FIRST_EVERY_NS)
		is_told = budget_take(&budgets.firsts_ns, FIRST_PRICE_NS, FIRST_BURST_NS, now_ns);
	if (is_told)
		stats->told_at_ns = now_ns;
	return is_told;
}

/* Whether a CPU sample is sent. */
LS_INLINE int sample_is_told(__u64 now_ns)
{
	return budget_take(&budgets.samples_ns, settings.sample_price_ns, SAMPLE_BURST_NS, now_ns);
}

#endif
