// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Where the holder of a lock is while a loop thread waits (core/lock_watch.h). Its stack is read in
 * its own context, when it is switched out and by samples, so it is whole; that of the beginning is
 * read by the waiter.
 */
#include "python/lock_looks.h"

#include "arch/regs.h"
#include "core/lock_watch.h"
#include "core/maps.h"
#include "python/frames.h"
#include "python/gil.h"
#include "python/threads.h"

/* Its thread_key(); 0: not known. */
static __always_inline __u64 key_of(const struct thread_state *ts, __u64 tstate)
{
	const struct ls_pyoffsets *at = &ts->proc.py.at;

	return is_key_native(ts) ? read_ptr(tstate + at->tstate_native_id) :
				   key_of_pthread(read_ptr(tstate + at->tstate_thread_id));
}

/* Half of a pthread_t is enough to tell threads apart, and a mutex has a kernel's id there. */
static __always_inline int is_still_held(const struct thread_state *walker)
{
	return !walker->lock_owner_at ||
		read_int(walker->lock_owner_at) == (__u32)walker->lock_owner;
}

/* Reads the holder's stack into `w->now`, unless it is where it was. */
static __always_inline void watch_look(struct lock_watch *w)
{
	struct thread_state *walker = &w->walker;
	__u64 frame = frame_top_of(walker, walker->holder_tstate);
	struct ls_frame found;

	if (!frame || frame_read(walker, frame)) {
		w->now.n_frames = 0;
		return;
	}
	found = frame_found(walker);
	if (w->now.n_frames && found.code == w->now.frames[0].code &&
	    found.position == w->now.frames[0].position)
		return;
	frames_walk_other(walker, &w->now, frame);
	if (w->now.flags & LS_STACK_UNREADABLE)
		w->now.n_frames = 0;
}

/* A free one, taken as by watch_take(); MAX_LOCK_WATCHES: there is none. */
static __always_inline __u32 watch_find_free(void)
{
	__u32 i, index, found = MAX_LOCK_WATCHES;

	for (i = 0; i < MAX_LOCK_WATCHES; i++) {
		struct lock_watch *w;

		index = i;
		w = bpf_map_lookup_elem(&lock_watches, &index);
		if (w && found == MAX_LOCK_WATCHES &&
		    __sync_val_compare_and_swap(&w->state, WATCH_FREE, WATCH_BUSY) == WATCH_FREE)
			found = i;
		barrier_var(found);
	}
	return found;
}

static __always_inline void watch_init(struct lock_watch *w, const struct thread_state *ts,
				       __u64 now_ns)
{
	__u32 i;

	bpf_probe_read_kernel(&w->walker.proc, sizeof(w->walker.proc), &ts->proc);
	w->walker.tgid = ts->tgid;
	w->walker.holder_tstate = ts->holder_tstate;
	w->walker.lock_owner_at = ts->lock_owner_at;
	w->walker.lock_owner = ts->lock_owner;
	w->key = key_of(ts, ts->holder_tstate);
	w->is_released = 0;
	w->is_off = 0;
	w->is_seen = 0;
	w->marked_ns = now_ns;
	w->now.n_frames = 0;
	for (i = 0; i < WATCH_PLACES; i++) {
		w->places[i].ns = 0;
		w->places[i].longest_ns = 0;
	}
}

LS_SUBPROG int lock_watch_begin(struct thread_state *ts, __u64 now_ns)
{
	struct lock_watch *w;
	__u32 index;

	if (!ts)
		return 0;
	index = watch_find_free();
	w = bpf_map_lookup_elem(&lock_watches, &index);
	if (!w) {
		count_loss(LS_LOSS_HOLDER_UNREADABLE);
		return 0;
	}
	watch_init(w, ts, now_ns);
	watch_look(w);
	ts->lock_watch = index + 1;
	__sync_fetch_and_add(&n_lock_watches, 1);
	w->state = WATCH_OPEN;
	return 0;
}

/* Takes the watch if it is about this thread. To be given back by watch_return(). */
static __always_inline struct lock_watch *watch_take(__u32 index, __u32 tgid, __u64 key)
{
	struct lock_watch *w = bpf_map_lookup_elem(&lock_watches, &index);

	if (!w || w->state != WATCH_OPEN || w->is_released || w->walker.tgid != tgid ||
	    w->key != key)
		return NULL;
	return __sync_val_compare_and_swap(&w->state, WATCH_OPEN, WATCH_BUSY) == WATCH_OPEN ? w :
											      NULL;
}

static __always_inline void watch_return(struct lock_watch *w)
{
	if (__sync_val_compare_and_swap(&w->state, WATCH_BUSY, WATCH_OPEN) == WATCH_OVER)
		w->state = WATCH_FREE;
}

/* It has run up to now, in what it runs now, as far as is known. */
static __always_inline void watch_ran(struct lock_watch *w, __u64 now_ns)
{
	if (!is_still_held(&w->walker)) {
		w->is_released = 1;
		return;
	}
	watch_look(w);
	lock_watch_book(w, now_ns);
	w->is_seen = 1;
}

LS_SUBPROG int lock_watch_look(__u32 tgid, __u64 key, __u64 now_ns, __u32 is_off)
{
	struct lock_watch *w;
	__u32 i;

	for (i = 0; i < MAX_LOCK_WATCHES; i++) {
		w = watch_take(i, tgid, key);
		if (!w)
			continue;
		watch_ran(w, now_ns);
		w->is_off = is_off;
		watch_return(w);
	}
	return 0;
}

/* It was off the CPU up to now, at the place that was seen last. */
LS_SUBPROG int lock_watch_return(__u32 tgid, __u64 key, __u64 now_ns)
{
	struct lock_watch *w;
	__u32 i, is_watched = 0;

	for (i = 0; i < MAX_LOCK_WATCHES; i++) {
		w = watch_take(i, tgid, key);
		if (!w)
			continue;
		lock_watch_settle(w, now_ns);
		w->marked_ns = now_ns;
		w->is_off = 0;
		w->is_seen = 1;
		is_watched = 1;
		watch_return(w);
	}
	return is_watched;
}

LS_SUBPROG int lock_watch_switch(__u32 out_tgid, __u64 out_key, __u32 in_tgid, __u64 in_key,
				 __u64 now_ns)
{
	lock_watch_look(out_tgid, out_key, now_ns, 1);
	return lock_watch_return(in_tgid, in_key, now_ns);
}

LS_SUBPROG int lock_watch_sample(__u32 tgid, __u64 key, __u64 now_ns)
{
	return lock_watch_look(tgid, key, now_ns, 0);
}

LS_SUBPROG int lock_watch_release(struct thread_state *ts, __u64 now_ns)
{
	struct lock_watch *w;
	__u32 index;

	if (!ts || !ts->lock_watch)
		return 0;
	index = ts->lock_watch - 1;
	w = bpf_map_lookup_elem(&lock_watches, &index);
	if (!w || __sync_val_compare_and_swap(&w->state, WATCH_OPEN, WATCH_BUSY) != WATCH_OPEN)
		return 0;
	lock_watch_settle(w, now_ns);
	w->is_released = 1;
	watch_return(w);
	return 0;
}
