// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Looks at the holder of the GIL from the thread that waits for it: both have the same memory. The
 * waiter wakes up every 5 ms (the interpreter's switch interval) and waits again, which makes each
 * such wait another look. The holder runs meanwhile, so its stack may change while it is read. The
 * holders of other locks (lock.bpf.c) are noted in the same table.
 */
#include "python/holder.h"

#include "core/maps.h"
#include "python/collector.h"
#include "python/frames.h"

/* A thread that waits often and briefly does not pay for a stack each time. */
#define LOOK_EVERY_NS 1000000ULL

/* The thread state of the GIL's holder, 0 if none is known: the last holder stays when it is free.
 */
static __always_inline __u64 gil_holder(const struct thread_state *ts)
{
	const struct ls_pyproc *py = &ts->proc.py;
	__u64 tstate = read_ptr(py->gil + py->at.gil_last_holder);

	if (!ts->tstate || tstate == ts->tstate || read_int(py->gil + py->at.gil_locked) != 1)
		return 0;
	return tstate;
}

LS_SUBPROG __u64 thread_id(struct thread_state *ts, __u64 tstate)
{
	const struct ls_pyoffsets *at;

	if (!ts)
		return 0;
	at = &ts->proc.py.at;
	return read_ptr(
		tstate +
		(at->tstate_native_id != LS_PY_NONE ? at->tstate_native_id : at->tstate_thread_id));
}

#define SLOT_IS_ITS_OWN (~0ULL)

/* How long the slot's thread was waited for in this span, or SLOT_IS_ITS_OWN. */
LS_SUBPROG __u64 slot_weight_ns(const struct thread_state *ts, const struct lock_holder *holder,
				__u32 cause)
{
	if (!ts || !holder || holder->rec.span != ts->cur.number)
		return 0;
	if (holder->tstate == ts->holder_tstate && holder->id == ts->holder_id &&
	    holder->rec.cause == cause)
		return SLOT_IS_ITS_OWN;
	return holder->rec.weight_ns;
}

/* The slot of a thread: the one it has, a free one, or that of the thread waited for least. */
static __always_inline __u32 slot_find(const struct thread_state *ts,
				       struct thread_holders *holders, __u32 cause)
{
	struct site_choice *choice = &holders->choice;
	__u32 i;

	choice->lightest_ns = ~0ULL;
	choice->index = LS_MAX_HOLDERS;
	for (i = 0; i < LS_MAX_HOLDERS; i++) {
		const __u64 weight_ns = slot_weight_ns(ts, &holders->locks[i], cause);

		if (weight_ns == SLOT_IS_ITS_OWN)
			return i;
		if (weight_ns < choice->lightest_ns) {
			choice->lightest_ns = weight_ns;
			choice->index = i;
		}
	}
	return choice->index;
}

static __always_inline void holder_init(const struct thread_state *ts, struct lock_holder *holder,
					__u32 cause)
{
	holder->tstate = ts->holder_tstate;
	holder->id = ts->holder_id;
	holder->votes = 0;
	holder->collecting_ns = 0;
	holder->rec.span = ts->cur.number;
	holder->rec.weight_ns = 0;
	holder->rec.native_ip = 0;
	holder->rec.count = 0;
	holder->rec.cause = cause;
	holder->rec.syscall = LS_NO_SYSCALL;
	holder->rec.flags = LS_STACK_HOLDER;
	holder->rec.n_frames = 0;
	holder->rec.pad = 0;
	holder->stack_ns = 0;
}

/* Replaces the holder's stack. It is of use only if the thread held the GIL all the time. */
static __always_inline void stack_read(struct thread_state *ts, struct lock_holder *holder,
				       __u64 frame)
{
	frames_walk_other(ts, &holder->rec, frame);
	holder->votes = 1;
	if ((holder->rec.flags & LS_STACK_UNREADABLE) ||
	    (holder->rec.cause == LS_CAUSE_GIL && gil_holder(ts) != ts->holder_tstate)) {
		holder->rec.flags = LS_STACK_UNREADABLE;
		holder->rec.n_frames = 0;
		holder->votes = 0;
	}
	holder->rec.flags |= LS_STACK_HOLDER;
}

/*
 * The thread that released a lock is looked at as it does so, and the lock's owner by a watch
 * (lock_looks.bpf.c). Of several locks that one thread held, what it ran at the longest wait
 * counts.
 */
static __always_inline int is_longest_of_lock(const struct thread_state *ts,
					      struct lock_holder *holder, __u64 now_ns)
{
	const __u64 waited_ns = ts->off_at_ns ? now_ns - ts->off_at_ns : 0;

	if (waited_ns <= holder->stack_ns)
		return 0;
	holder->stack_ns = waited_ns;
	return 1;
}

static __always_inline void stack_look(struct thread_state *ts, struct lock_holder *holder,
				       __u64 now_ns)
{
	__u64 frame, code;

	if (holder->rec.cause == LS_CAUSE_LOCK) {
		if (!is_longest_of_lock(ts, holder, now_ns))
			return;
		holder->votes = 0;
	} else {
		if (now_ns - ts->holder_looked_ns < LOOK_EVERY_NS)
			return;
		ts->holder_looked_ns = now_ns;
	}
	frame = frame_top_of(ts, ts->holder_tstate);
	if (!frame)
		return;
	if (!holder->votes) {
		stack_read(ts, holder, frame);
		return;
	}
	if (frame_read(ts, frame))
		return;
	code = frame_word(ts, ts->proc.py.at.frame_code) & ~(__u64)ts->proc.py.at.tag_mask;
	if (code == holder->rec.frames[0].code)
		holder->votes++;
	else
		holder->votes--;
}

LS_SUBPROG int holder_note(struct thread_state *ts, struct thread_holders *holders, __u32 cause,
			   __u64 now_ns)
{
	struct lock_holder *holder;
	__u32 index;

	if (!ts)
		return 0;
	ts->holder_slot = LS_MAX_HOLDERS;
	if (!holders)
		return 0;
	index = slot_find(ts, holders, cause);
	ts->holder_slot = index;
	barrier_var(index);
	if (index >= LS_MAX_HOLDERS)
		return 0;
	holder = &holders->locks[index];
	if (holder->rec.span != ts->cur.number || holder->tstate != ts->holder_tstate ||
	    holder->id != ts->holder_id || holder->rec.cause != cause)
		holder_init(ts, holder, cause);
	if (ts->holder_tstate)
		stack_look(ts, holder, now_ns);
	return 0;
}

LS_SUBPROG int holder_look(struct thread_state *ts, __u64 now_ns)
{
	if (!ts)
		return 0;
	ts->holder_slot = LS_MAX_HOLDERS;
	ts->holder_id = 0;
	ts->is_holder_collecting = 0;
	ts->holder_tstate = gil_holder(ts);
	if (!ts->holder_tstate)
		return 0;
	ts->is_holder_collecting = is_collecting(ts);
	ts->holder_id = thread_id(ts, ts->holder_tstate);
	return holder_note(ts, holders_of(bpf_get_current_task_btf()), LS_CAUSE_GIL, now_ns);
}
