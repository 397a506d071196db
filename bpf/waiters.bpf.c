// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Who had to wait behind a stall that is watched by looks. Its end is seen too late to read the loop's queues then, so they are read
 * while it goes on: who is ready now waits till the end, whenever that is, and so does who sleeps and is due before it. A span that will
 * be short is not worth that: it is done where the thread was blocked long the last time, or when the span has lasted.
 */
#include "light.h"
#include "spans.h"
#include "victims.h"

/* Reading the queues of a loop with 32 tasks takes some 20 us: a thousandth of the time. */
#define GUESS_EVERY_NS 30000000ULL
/* How far ahead a stall's end may be for its sleepers to be known: twice as long as it lasts, or lasted the last time, but at least the first. */
#define MIN_HORIZON_NS 100000000ULL
#define UNKNOWN_HORIZON_NS 1000000000ULL /* of a block at a place not seen before */

/* Was this place one of long waits? One that is not known yet might be, and so, now and then, one that is not. */
static __always_inline int is_long_block(struct thread_state *ts, __u64 now_ns)
{
	const struct known_block *block = &ts->waiters.blocks[ts->waiters.place & (KNOWN_BLOCKS - 1)];

	if (!ts->waiters.place)
		return 0;
	if (block->place != ts->waiters.place || ((__u64)block->us << 10) >= settings.light_threshold_ns / 4)
		return 1;
	if (now_ns - ts->waiters.guessed_at_ns < GUESS_EVERY_NS)
		return 0;
	ts->waiters.guessed_at_ns = now_ns;
	return 1;
}

static __always_inline __u64 horizon_ns(const struct thread_state *ts, __u64 now_ns)
{
	const struct known_block *block = &ts->waiters.blocks[ts->waiters.place & (KNOWN_BLOCKS - 1)];
	__u64 ahead_ns = 2 * (now_ns - ts->cur.start_ns), block_ns = 0;

	if (ts->waiters.place)
		block_ns = block->place == ts->waiters.place ? 2 * ((__u64)block->us << 10) : UNKNOWN_HORIZON_NS;
	if (block_ns > ahead_ns)
		ahead_ns = block_ns;
	return now_ns + (ahead_ns > MIN_HORIZON_NS ? ahead_ns : MIN_HORIZON_NS);
}

/* Each time the span has grown by a quarter since the last collection. */
static __always_inline int is_due(struct thread_state *ts, __u64 now_ns)
{
	__u64 age_ns = now_ns - ts->cur.start_ns;

	if (ts->waiters.span != ts->cur.number)
		return age_ns >= settings.light_threshold_ns / 2 || is_long_block(ts, now_ns);
	return age_ns >= settings.light_threshold_ns / 2 && now_ns - ts->waiters.at_ns >= age_ns / 4;
}

LS_SUBPROG int waiters_collect(struct thread_state *ts, __u64 now_ns)
{
	if (!ts || !ts->cur.is_light || ts->cur.unit == LS_UNIT_NONE || !is_due(ts, now_ns))
		return 0;
	span_touch(ts);
	victims_first_look(ts, now_ns);
	if (ts->waiters.span != ts->cur.number)
		ts->waiters.n = 0;
	ts->waiters.span = ts->cur.number;
	ts->waiters.at_ns = now_ns;
	ts->scan.is_collecting = 1;
	victims_report(ts, horizon_ns(ts, now_ns), 0);
	ts->scan.is_collecting = 0;
	ts->waiters.flags = ts->scan.flags;
	return 0;
}

struct send_context {
	struct thread_state *ts;
};

/* bpf_loop() callback: one who was ready, or slept, at the last collection. Another task at the same address has another coroutine. */
static long waiter_send(__u32 i, struct send_context *context)
{
	struct thread_state *ts = context->ts;
	__u64 since_ns, starved_ns, end_ns;
	const struct waiter *w;

	barrier_var(i);
	if (!ts || i >= MAX_WAITERS)
		return 1;
	w = &ts->waiters.list[i];
	end_ns = ts->scan.end_ns;
	since_ns = w->since_ns > ts->cur.start_ns ? w->since_ns : ts->cur.start_ns;
	starved_ns = since_ns < end_ns ? end_ns - since_ns : 0;
	if (!starved_ns && w->since_ns != ~0ULL)
		return 0;
	ts->scan.is_python = w->is_python;
	if (victim_attribute(ts, w->task, ts->scan.tasks.coro, ts->proc.py.task_coro) == w->coro) {
		victim_add(ts, w->task, starved_ns);
	} else {
		ts->scan.victims++;
		ts->scan.starved_ns += starved_ns;
	}
	return 0;
}

LS_SUBPROG int waiters_send(struct thread_state *ts, __u64 end_ns, __u32 is_told)
{
	struct send_context context = { .ts = ts };

	if (!ts)
		return 0;
	ts->scan.victims = 0;
	ts->scan.named = is_told ? 0 : LS_MAX_VICTIM_NAMES;
	ts->scan.starved_ns = 0;
	ts->scan.sockets = 0;
	ts->scan.end_ns = end_ns;
	ts->scan.flags = LS_STALL_VICTIMS_UNKNOWN;
	if (ts->waiters.span != ts->cur.number)
		return 0;
	ts->scan.flags = ts->waiters.flags;
	bpf_loop(ts->waiters.n, waiter_send, &context, 0);
	return 0;
}
