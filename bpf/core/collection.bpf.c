// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See collection.h.
 */
#include "core/collection.h"

#include "core/off_cpu.h"
#include "core/span.h"

static __always_inline void book(struct thread_state *ts, __u64 cpu_ns, __u32 is_collecting)
{
	__u64 since_ns = cpu_ns > ts->cur.looked_ns ? cpu_ns - ts->cur.looked_ns : 0;

	if (is_collecting && ts->cur.is_collecting)
		ts->cur.cause_ns[LS_CAUSE_GC] += since_ns;
	else if (is_collecting || ts->cur.is_collecting)
		ts->cur.cause_ns[LS_CAUSE_GC] += since_ns / 2;
	ts->cur.looked_ns = cpu_ns;
	ts->cur.is_collecting = is_collecting;
}

LS_SUBPROG int collection_look(struct thread_state *ts, __u64 now_ns, __u32 is_collecting,
			       __u32 generation)
{
	if (!ts)
		return 0;
	span_touch(ts);
	book(ts, span_cpu_ns(ts, now_ns), !!is_collecting);
	if (generation <= LS_GC_GENERATIONS && generation > ts->cur.gc_generation)
		ts->cur.gc_generation = generation;
	return 0;
}

LS_SUBPROG int collection_end(struct thread_state *ts, __u64 end_ns)
{
	__u64 cpu_ns;

	if (!ts)
		return 0;
	cpu_ns = span_cpu_ns(ts, end_ns);
	book(ts, cpu_ns, 0);
	/* Time that turned out to be stolen was booked as the collector's before. */
	if (ts->cur.cause_ns[LS_CAUSE_GC] > cpu_ns)
		ts->cur.cause_ns[LS_CAUSE_GC] = cpu_ns;
	return 0;
}
