// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What a turn that stalled consisted of: the coroutines that ran most of it, and the step that made
 * their tasks ready.
 */
#include "stall/turn_parts.h"

#include "core/maps.h"
#include "core/span.h"
#include "queue/makers.h"
#include "stall/codes.h"

struct parts_context {
	struct thread_state *ts;
};

/* Puts a part into ts->turn.top, in order; the shortest falls out if there is no room. */
static __always_inline void top_insert(struct turn *turn, const struct ls_turn_part *part)
{
	struct ls_turn_part carried = *part, kept;
	__u32 i;

	for (i = 0; i < LS_MAX_TURN_PARTS; i++) {
		if (i < turn->n_top && turn->top[i].duration_ns >= carried.duration_ns)
			continue;
		kept = turn->top[i];
		turn->top[i] = carried;
		if (i >= turn->n_top) {
			turn->n_top = i + 1;
			return;
		}
		carried = kept;
	}
}

/* bpf_loop() callback: the i-th coroutine of the turn. */
static long part_add(__u32 i, struct parts_context *context)
{
	struct thread_state *ts = context->ts;
	const struct ls_coro_stats *stats;
	struct ls_turn_part part = {};
	__u32 index;

	barrier_var(i);
	if (!ts || i >= MAX_TURN_COROUTINES)
		return 1;
	index = ts->turn.coroutines[i];
	stats = bpf_map_lookup_elem(&coroutine_stats, &index);
	if (!stats || stats->turn != ts->turn.number)
		return 0;
	part.code = stats->key.code;
	part.qualname = stats->qualname;
	part.duration_ns = stats->total_ns - stats->turn_ns;
	part.steps = stats->steps - stats->turn_steps;
	/* All its steps were stalls of their own. */
	if (!part.steps)
		return 0;
	top_insert(&ts->turn, &part);
	return 0;
}

static __always_inline void maker_send(struct thread_state *ts, __u64 now_ns)
{
	struct thread_stacks *stacks = stacks_of(bpf_get_current_task_btf());
	struct ls_rec_stack *rec;

	if (!stacks)
		return;
	rec = &stacks->makers[ts->turn.made.slot & 1];
	if (rec->span != ts->turn.made.span || !rec->n_frames)
		return;
	rec->span = ts->cur.number;
	rec->flags |= LS_STACK_MAKER;
	stack_send(ts, rec, now_ns);
}

static __always_inline void turn_fill(const struct turn *turn, struct ls_rec_turn *rec)
{
	__u32 i;

	rec->n_parts = turn->n_top;
	for (i = 0; i < LS_MAX_TURN_PARTS; i++) {
		if (i >= turn->n_top)
			continue;
		rec->parts[i] = turn->top[i];
		rec->rest_ns -= turn->top[i].duration_ns;
		rec->rest_steps -= turn->top[i].steps;
	}
}

LS_SUBPROG int turn_send_parts(struct thread_state *ts, __u64 now_ns)
{
	struct parts_context context = { .ts = ts };
	struct ls_rec_turn *rec;
	__u32 n_made;

	if (!ts)
		return 0;
	ts->turn.n_top = 0;
	bpf_loop(ts->turn.n, part_add, &context, 0);
	n_made = maker_share(ts);
	if (n_made < ts->turn_steps / 2 || n_made < MAKER_MIN_TASKS)
		n_made = 0;
	if (n_made)
		maker_send(ts, now_ns);
	code_copy(ts, ts->turn.top[0].code, now_ns);
	rec = bpf_ringbuf_reserve(&ring, sizeof(*rec), 0);
	if (!rec) {
		count_loss(LS_LOSS_RING_OTHER);
		return 0;
	}
	__builtin_memset(rec, 0, sizeof(*rec));
	record_header(&rec->hdr, LS_REC_TURN, sizeof(*rec), now_ns, ts);
	rec->span = ts->cur.number;
	rec->rest_ns = ts->stats.step_ns - ts->turn.step_ns;
	rec->rest_steps = ts->turn_steps - ts->turn_stall_steps;
	turn_fill(&ts->turn, rec);
	rec->n_made = n_made;
	if (n_made) {
		rec->maker_code = ts->turn.made.code;
		rec->maker_qualname = ts->turn.made.qualname;
		rec->maker_origin = ts->turn.made.origin;
	}
	bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
	return 0;
}
