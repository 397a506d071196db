// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See arrivals.h. Global functions, so that the verifier checks them once.
 */
#include "queue/arrivals.h"

/*
 * Of two neighbours the later one stays: what came before it then counts from a later time, so
 * waits stay lower bounds.
 */
static __always_inline void arrivals_thin(struct arrivals *a)
{
	__u32 i;

	for (i = 0; i < MAX_ARRIVALS / 2; i++)
		a->list[i] = a->list[2 * i + 1];
	a->n = MAX_ARRIVALS / 2;
}

LS_SUBPROG int arrivals_store(struct thread_state *ts, __u64 n, __u64 now_ns)
{
	struct arrivals *a;
	__u32 i;

	if (!ts)
		return 0;
	a = &ts->arrivals;
	a->seen_ns = now_ns;
	if (n == a->seen)
		return 0;
	/* trio cleared its queue: numbers start again. */
	if (n < a->seen)
		a->n = 0;
	a->seen = n;
	if (a->n >= MAX_ARRIVALS)
		arrivals_thin(a);
	i = a->n;
	barrier_var(i);
	if (i >= MAX_ARRIVALS)
		return 0;
	a->list[i].at_ns = now_ns;
	a->list[i].n = n;
	a->n = i + 1;
	return 0;
}

LS_SUBPROG __u64 arrival_ns(struct thread_state *ts, __u64 number)
{
	__u32 i;

	if (!ts || ts->host.loop)
		return 0;
	for (i = 0; i < MAX_ARRIVALS && i < ts->arrivals.n; i++)
		if (ts->arrivals.list[i].n >= number)
			return ts->arrivals.list[i].at_ns;
	return 0;
}

LS_SUBPROG int arrivals_find(struct thread_state *ts)
{
	struct ls_loop *loop = ts ? loop_of(ts) : NULL;

	if (ts && loop)
		ts->arrivals.queue = loop->py.ready;
	return 0;
}

LS_SUBPROG __u64 arrivals_look(struct thread_state *ts, __u64 now_ns)
{
	struct deque deque;
	__u64 n, before;

	/* What an inner loop's queue gets is not stored among that of the outer one's. */
	if (!ts || ts->host.loop)
		return 0;
	if (!ts->arrivals.queue)
		arrivals_find(ts);
	if (deque_read(ts, ts->arrivals.queue, &deque))
		return 0;
	n = deque_arrived(&deque);
	before = ts->arrivals.seen;
	if (ts->cur.arrived == ARRIVED_UNKNOWN)
		ts->cur.arrived = before = n;
	else if (before < ts->cur.arrived)
		before = ts->cur.arrived;
	arrivals_store(ts, n, now_ns);
	return n > before ? n - before : 0;
}
