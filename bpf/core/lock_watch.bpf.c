// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The end of a watch (lock_watch.h).
 */
#include "core/lock_watch.h"

#include "core/maps.h"

/* The place of the function that was seen last, or the lightest one. */
static __always_inline struct watch_place *place_find(struct lock_watch *w)
{
	const __u64 code = w->now.frames[0].code;
	__u32 i;

	w->choice.lightest_ns = ~0ULL;
	for (i = 0; i < WATCH_PLACES; i++) {
		const struct watch_place *place = &w->places[i];
		const __u64 ns = place->ns && place->rec.frames[0].code == code ? 0 : place->ns + 1;

		if (ns < w->choice.lightest_ns) {
			w->choice.lightest_ns = ns;
			w->choice.index = i;
		}
	}
	i = w->choice.index;
	barrier_var(i);
	return &w->places[i & (WATCH_PLACES - 1)];
}

LS_SUBPROG int lock_watch_book(struct lock_watch *w, __u64 now_ns)
{
	struct watch_place *place;
	__u64 ns;

	if (!w)
		return 0;
	ns = now_ns > w->marked_ns ? now_ns - w->marked_ns : 0;
	w->marked_ns = now_ns;
	if (!w->now.n_frames || !ns)
		return 0;
	place = place_find(w);
	if (w->choice.lightest_ns) {
		place->ns = 0;
		place->longest_ns = 0;
	}
	place->ns += ns;
	if (ns <= place->longest_ns)
		return 0;
	place->longest_ns = ns;
	bpf_probe_read_kernel(&place->rec, sizeof(place->rec), &w->now);
	return 0;
}

LS_SUBPROG int lock_watch_settle(struct lock_watch *w, __u64 now_ns)
{
	if (w && !w->is_released && (w->is_off || !w->is_seen))
		lock_watch_book(w, now_ns);
	return 0;
}

/* Frames and flags of a stack: the rest of a holder's record is about its waits. */
#define STACK_FROM __builtin_offsetof(struct ls_rec_stack, flags)

/* Of several locks that one thread held, what it ran for the longest time counts. */
static __always_inline void stack_keep(struct lock_holder *holder, const struct lock_watch *w)
{
	const struct watch_place *place = &w->places[watch_choose(w)];

	if (place->ns <= holder->stack_ns)
		return;
	holder->stack_ns = place->ns;
	bpf_probe_read_kernel((char *)&holder->rec + STACK_FROM, sizeof(holder->rec) - STACK_FROM,
			      (const char *)&place->rec + STACK_FROM);
	holder->rec.flags |= LS_STACK_HOLDER | (w->is_seen ? 0 : LS_STACK_AT_BEGIN);
}

LS_SUBPROG int lock_watch_end(struct thread_state *ts, struct thread_holders *holders, __u64 now_ns)
{
	struct lock_watch *w;
	__u32 index, slot;

	if (!ts || !ts->lock_watch)
		return 0;
	index = ts->lock_watch - 1;
	ts->lock_watch = 0;
	w = bpf_map_lookup_elem(&lock_watches, &index);
	if (!w)
		return 0;
	__sync_fetch_and_sub(&n_lock_watches, 1);
	if (__sync_lock_test_and_set(&w->state, WATCH_OVER) == WATCH_BUSY)
		return 0;
	slot = ts->holder_slot;
	barrier_var(slot);
	if (holders && slot < LS_MAX_HOLDERS) {
		lock_watch_settle(w, now_ns);
		stack_keep(&holders->locks[slot & (LS_MAX_HOLDERS - 1)], w);
	}
	w->state = WATCH_FREE;
	return 0;
}
