/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A thread that holds a lock for which a loop thread waits, and how long it was seen at which place
 * meanwhile. A lock is waited for once, so what its holder ran when the wait began says little: the
 * holder is looked at when it is switched out and in, and while it computes
 * (python/lock_looks.bpf.c).
 */
#ifndef LOOPSTALL_BPF_LOCK_WATCH_H
#define LOOPSTALL_BPF_LOCK_WATCH_H

#include "state.h"

#define MAX_LOCK_WATCHES 8 /* of the machine, at one time */
#define WATCH_PLACES 8 /* functions that are kept apart; a power of two */

enum watch_state {
	WATCH_FREE,
	WATCH_OPEN,
	WATCH_BUSY, /* a program reads the holder's stack */
	WATCH_OVER, /* the wait ended meanwhile: that program frees it */
};

/* A function in which the holder was, and its stack in the longest stretch of that. */
struct watch_place {
	__u64 ns, longest_ns;
	struct ls_rec_stack rec;
};

struct lock_watch {
	__u32 state; /* enum watch_state */
	__u32 is_released; /* by its holder: nothing more is read */
	__u32 is_off; /* it is off the CPU since `marked_ns` */
	__u32 is_seen; /* it was looked at since the wait began */
	__u64 key; /* thread_key() of the holder */
	__u64 marked_ns; /* what it ran is known up to then */
	struct site_choice choice; /* of `places` */
	struct ls_rec_stack now; /* at the last look; without frames: not known */
	struct watch_place places[WATCH_PLACES];
	/* What the frame walk needs. The holder need not be a loop thread, and has no state then.
	 */
	struct thread_state walker;
};

/* The place where the holder was for most of the time. Its `ns` is 0 if none is known. */
static inline __attribute__((always_inline)) __u32 watch_choose(const struct lock_watch *w)
{
	__u32 i, heaviest = 0;

	for (i = 1; i < WATCH_PLACES; i++)
		if (w->places[i].ns > w->places[heaviest & (WATCH_PLACES - 1)].ns)
			heaviest = i;
	return heaviest & (WATCH_PLACES - 1);
}

/* Adds the time since the last mark to the place of `w->now`, in place of the lightest one. */
int lock_watch_book(struct lock_watch *w, __u64 now_ns);
/*
 * The same if the holder did not run since the last mark, as far as is known: it is where it was
 * seen last.
 */
int lock_watch_settle(struct lock_watch *w, __u64 now_ns);
/*
 * The wait of `ts` is over, or another thread released the lock: ends the watch. With `holders`
 * what it saw goes to the holder of the current wait, unless more is known of that.
 */
int lock_watch_end(struct thread_state *ts, struct thread_holders *holders, __u64 now_ns);

#endif
