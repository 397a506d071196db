/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * When tasks and handles came into the loop's ready queue. A deque tells how many were ever
 * appended (python/deque.h), and the n-th that was appended is the n-th that is taken: n is its
 * number. trio clears its queue before a turn, so there numbers are valid inside one turn.
 */
#ifndef LOOPSTALL_BPF_ARRIVALS_H
#define LOOPSTALL_BPF_ARRIVALS_H

#include "core/span.h"
#include "python/deque.h"
#include "python/objects.h"

/* At the beginnings of steps, arrivals are stored this far apart. */
#define ARRIVALS_EVERY_NS 1000000ULL

/* Looks for the queue that user space has found. */
int arrivals_find(struct thread_state *ts);

/* Stores that up to now `n` have come. */
int arrivals_store(struct thread_state *ts, __u64 n, __u64 now_ns);

/* When the one with this number was first seen in the queue: not before it came. 0: it was not. */
__u64 arrival_ns(struct thread_state *ts, __u64 number);

/* With fewer handles in its queue a turn is not looked at when it begins. */
#define LONG_TURN_HANDLES 32
/* Of how many handles one is looked at then, and how many at most. */
#define TURN_COLLECT_SHARE 16
#define TURN_COLLECT_MOST 64

/*
 * At the beginning of a long turn: remembers who will wait for its end. The loop puts those whose
 * timers are due behind all others, and what a timer wakes runs in the next turn. `n`: handles at
 * the end of the queue to look at.
 */
int turn_collect(struct thread_state *ts, __u32 n, __u64 now_ns);

/*
 * At the beginning of a step: what comes from here on is not there from the beginning. Once the
 * address of the queue is known this is one read.
 */
LS_INLINE void arrivals_begin(struct thread_state *ts, __u64 now_ns)
{
	struct deque deque;
	__u64 n;

	if (!ts->arrivals.queue && !ts->turn_steps)
		arrivals_find(ts);
	if (deque_read(ts, ts->arrivals.queue, &deque))
		return;
	n = deque_arrived(&deque);
	ts->cur.arrived = n;
	if (now_ns - ts->arrivals.seen_ns >= ARRIVALS_EVERY_NS)
		arrivals_store(ts, n, now_ns);
	if (ts->turn_steps)
		return;
	ts->turn.from = deque_taken(&deque);
	if (deque.length >= LONG_TURN_HANDLES)
		turn_collect(ts,
			     deque.length / TURN_COLLECT_SHARE < TURN_COLLECT_MOST ?
				     deque.length / TURN_COLLECT_SHARE :
				     TURN_COLLECT_MOST,
			     now_ns);
}

/*
 * Inside a span, at a switch-out or a sample. Returns how many have come since the last time, which
 * is 0 at the first time where the beginning of the span was not seen.
 */
__u64 arrivals_look(struct thread_state *ts, __u64 now_ns);

#endif
