// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * See waiters.h. A task that is ready now waits until the span ends, whenever that is; so does a
 * sleeper that is due before. Short spans are not worth it: tasks are collected at places where the
 * thread was blocked long before, or once the span has lasted.
 */
#include "light/waiters.h"

#include "core/block_memory.h"
#include "core/maps.h"
#include "core/span.h"
#include "queue/arrivals.h"
#include "queue/queue.h"
#include "queue/victims.h"
#include "stall/sockets.h"

/* Reading the queues of a loop with 32 tasks takes about 20 us: a thousandth of this interval. */
#define GUESS_EVERY_NS 30000000ULL
/*
 * Sleepers that are due up to this far ahead are collected: twice the age of the span, or twice the
 * last block at this place, but at least MIN_HORIZON_NS.
 */
#define MIN_HORIZON_NS 100000000ULL
#define UNKNOWN_HORIZON_NS 1000000000ULL /* of a block at a place not seen before */
#define STOP_HORIZON_NS 10000000000ULL

/*
 * Is the thread blocked at a place where it was blocked long before? A place not seen before counts
 * as one. Now and then so does a place of short blocks, because that can change.
 */
static __always_inline int is_long_block(struct thread_state *ts, __u64 now_ns)
{
	const struct known_block *block = block_slot(ts);

	if (!ts->block_memory.place)
		return 0;
	if (block->place != ts->block_memory.place ||
	    block_ns(block) >= settings.light_threshold_ns / 4)
		return 1;
	if (now_ns - ts->waiters.guessed_at_ns < GUESS_EVERY_NS)
		return 0;
	ts->waiters.guessed_at_ns = now_ns;
	return 1;
}

static __always_inline __u64 horizon_ns(struct thread_state *ts, __u64 now_ns)
{
	const struct known_block *block = block_slot(ts);
	__u64 ahead_ns = 2 * (now_ns - ts->cur.start_ns), expected_ns = 0;

	if (ts->block_memory.place)
		expected_ns = block->place == ts->block_memory.place ? 2 * block_ns(block) :
								       UNKNOWN_HORIZON_NS;
	if (expected_ns > ahead_ns)
		ahead_ns = expected_ns;
	return now_ns + (ahead_ns > MIN_HORIZON_NS ? ahead_ns : MIN_HORIZON_NS);
}

static __always_inline __u64 threshold_ns(const struct thread_state *ts)
{
	return ts->cur.is_light ? settings.light_threshold_ns : settings.threshold_ns;
}

/* At the first time, and then each time the span has grown by a quarter. */
static __always_inline int is_due(struct thread_state *ts, __u64 now_ns)
{
	__u64 age_ns = now_ns - ts->cur.start_ns;

	if (ts->waiters.span != ts->cur.number)
		return age_ns >= threshold_ns(ts) / 2 || is_long_block(ts, now_ns);
	return age_ns >= threshold_ns(ts) / 2 && now_ns - ts->waiters.at_ns >= age_ns / 4;
}

LS_SUBPROG int waiters_look_sockets(struct thread_state *ts)
{
	if (!ts)
		return 0;
	sockets_look(ts);
	if (!ts->sockets.is_known)
		return 0;
	ts->waiters.sockets = ts->sockets.n;
	ts->waiters.sockets_span = ts->cur.number;
	return 0;
}

static __always_inline void collect(struct thread_state *ts, __u64 now_ns, __u64 until_ns)
{
	struct ls_loop *loop;

	span_touch(ts);
	arrivals_look(ts, now_ns);
	if (ts->waiters.span != ts->cur.number)
		ts->waiters.n = 0;
	ts->waiters.span = ts->cur.number;
	ts->waiters.at_ns = now_ns;
	victims_report(ts, until_ns, ts->cur.unit, 0, VICTIMS_COLLECTED);
	ts->waiters.flags = ts->victims.flags;
	loop = loop_of(ts);
	/* A timer that has fired is in no queue of libuv's while its callback waits. */
	if (loop && queue_kind(loop) == QUEUE_LIBUV && ts->cur.unit == LS_UNIT_CALLBACK)
		ts->waiters.flags |= LS_STALL_VICTIMS_CUT;
	waiters_count_sockets(ts, bpf_get_current_task_btf());
}

LS_SUBPROG int waiters_collect(struct thread_state *ts, __u64 now_ns)
{
	if (!ts || ts->cur.unit == LS_UNIT_NONE || !(ts->cur.is_light || ts->is_late_wait) ||
	    !is_due(ts, now_ns))
		return 0;
	collect(ts, now_ns, horizon_ns(ts, now_ns));
	return 0;
}

LS_SUBPROG int waiters_collect_late(struct thread_state *ts, __u64 now_ns)
{
	if (ts)
		collect(ts, now_ns, horizon_ns(ts, now_ns));
	return 0;
}

/* In a span that ends at once: the one that is opened if it is stopped for too long takes them. */
LS_SUBPROG int waiters_collect_stopped(struct thread_state *ts, __u64 now_ns)
{
	if (!ts)
		return 0;
	span_open_callbacks(ts, now_ns);
	ts->cur.is_light = 1;
	ts->cur.is_wake = 1;
	collect(ts, now_ns, now_ns + STOP_HORIZON_NS);
	ts->cur.is_light = 0;
	ts->cur.unit = LS_UNIT_NONE;
	return 0;
}

struct send_context {
	struct thread_state *ts;
};

/*
 * bpf_loop() callback: one collected task. Another task at the same address has another coroutine.
 */
static long waiter_send(__u32 i, struct send_context *context)
{
	struct thread_state *ts = context->ts;
	__u64 since_ns, starved_ns, end_ns;
	const struct waiter *w;

	barrier_var(i);
	if (!ts || i >= MAX_WAITERS)
		return 1;
	w = &ts->waiters.list[i];
	end_ns = ts->victims.end_ns;
	since_ns = w->since_ns > ts->cur.start_ns ? w->since_ns : ts->cur.start_ns;
	starved_ns = since_ns < end_ns ? end_ns - since_ns : 0;
	if (!starved_ns && w->since_ns != ~0ULL)
		return 0;
	if (victim_coro(ts, w->task, w->is_python) == w->coro) {
		victim_add(ts, w->task, w->is_python, starved_ns);
	} else {
		ts->victims.n++;
		victim_count_wait(ts, starved_ns);
	}
	return 0;
}

LS_SUBPROG int waiters_send(struct thread_state *ts, __u64 end_ns, __u32 is_reported)
{
	struct send_context context = { .ts = ts };

	if (!ts)
		return 0;
	victims_reset(ts, end_ns, is_reported ? VICTIMS_NAMED : VICTIMS_COUNTED);
	ts->sockets.n = 0;
	ts->sockets.is_known = ts->waiters.sockets_span == ts->cur.number;
	if (ts->sockets.is_known)
		ts->sockets.n = ts->waiters.sockets;
	ts->victims.flags = LS_STALL_VICTIMS_UNKNOWN;
	if (ts->waiters.span != ts->cur.number)
		return 0;
	ts->victims.flags = ts->waiters.flags;
	bpf_loop(ts->waiters.n, waiter_send, &context, 0);
	return 0;
}
