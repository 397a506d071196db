// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Finds the lock behind a futex, and its holder. Only what is exact counts:
 *
 * - A lock of the interpreter that waits for a semaphore of its own points to it, and the futex is
 *   the semaphore's first word. The lock itself is on the value stack of the frame that acquires
 *   it, or a method bound to it is.
 * - From 3.13 on the futex may be that of a parked thread: the word in front of it is the address
 *   of the mutex for which it is parked, and a lock object has its mutex inside.
 * - An RLock names its owner. A Lock does not: who released it is known when the waiter is woken.
 * - A mutex of the GNU C library names its owner. It is waited for with a call that semaphores and
 *   condition variables do not use.
 *
 * Sources: cpython Modules/_threadmodule.c (lockobject, rlockobject), Python/thread_pthread.h,
 * Python/parking_lot.c (struct wait_entry), Include/internal/pycore_lock.h (_PyRecursiveMutex);
 * glibc nptl/lowlevellock.c, sysdeps/nptl/bits/struct_mutex.h.
 */
#include "python/lock.h"

#include "arch/regs.h"
#include "core/lock_watch.h"
#include "core/maps.h"
#include "python/frames.h"
#include "python/gil.h"
#include "python/holder.h"
#include "python/lock_looks.h"
#include "python/threads.h"

/* linux: include/uapi/linux/futex.h */
#define FUTEX_WAIT 0
#define FUTEX_CMD_MASK 0x7f

#define MINOR_WITH_PARKING 13
#define STACK_WORDS 96 /* locals and value stack of a frame that are searched */
#define MAX_BASES 4 /* base classes between the lock's class and the interpreter's */
#define WORD 8

/* Names of the interpreter's lock types: the characters, the lowest byte first. */
#define NAME_MODULE 0x2e6461657268745fULL /* "_thread." */
#define NAME_LOCK 0x6b636f6cULL /* "lock" and its end */
#define NAME_LOCK_MASK 0xffffffffffULL
#define NAME_RLOCK 0x6b636f4c52ULL /* "RLock" and its end */
#define NAME_RLOCK_MASK 0xffffffffffffULL

enum lock_type { TYPE_OTHER, TYPE_LOCK, TYPE_RLOCK };

/* The interpreter's lock type that `type` is or derives from. */
static __always_inline enum lock_type lock_type_of(const struct thread_state *ts, __u64 type)
{
	const struct ls_pyoffsets *at = &ts->proc.py.at;
	__u64 name[2];
	__u32 i;

	for (i = 0; i < MAX_BASES && type; i++) {
		if (!read_user(name, sizeof(name), read_ptr(type + at->tp_name)) &&
		    name[0] == NAME_MODULE) {
			if ((name[1] & NAME_RLOCK_MASK) == NAME_RLOCK)
				return TYPE_RLOCK;
			if ((name[1] & NAME_LOCK_MASK) == NAME_LOCK)
				return TYPE_LOCK;
		}
		type = read_ptr(type + at->tp_base);
	}
	return TYPE_OTHER;
}

struct lock_search {
	const struct thread_state *ts;
	__u64 words, futex;
	__u64 found;
};

/* bpf_loop() callback: is this word the lock, or a method that is bound to it? */
static long word_look(__u32 i, struct lock_search *search)
{
	const struct ls_pyoffsets *at = &search->ts->proc.py.at;
	__u64 object = read_ptr(search->words + i * WORD) & ~(__u64)at->tag_mask;

	if (!object)
		return 0;
	if (read_ptr(object + at->ob_head) != search->futex) {
		object = read_ptr(object + at->cfunction_self);
		if (!object || read_ptr(object + at->ob_head) != search->futex)
			return 0;
	}
	search->found = object;
	return 1;
}

/* Up to 3.10 the frame says where its value stack begins; later it follows the locals. */
static __always_inline __u64 stack_begin(struct thread_state *ts)
{
	const struct ls_pyoffsets *at = &ts->proc.py.at;
	__u64 frame = frame_top(ts);

	if (!frame)
		return 0;
	if (at->frame_stack == LS_PY_NONE)
		return frame + at->frame_locals;
	return read_ptr(frame + at->frame_stack);
}

/* The lock whose semaphore this is; 0 if the innermost frame does not refer to it. */
static __always_inline __u64 lock_on_stack(struct thread_state *ts, __u64 futex)
{
	struct lock_search search = { .ts = ts, .words = stack_begin(ts), .futex = futex };

	if (search.words)
		bpf_loop(STACK_WORDS, word_look, &search, 0);
	return search.found;
}

/* The lock object behind this futex; sets `ret_type`. */
static __always_inline __u64 lock_find(struct thread_state *ts, __u64 futex,
				       enum lock_type *ret_type)
{
	const struct ls_pyoffsets *at = &ts->proc.py.at;
	__u64 object;

	*ret_type = TYPE_OTHER;
	if (at->minor >= MINOR_WITH_PARKING) {
		object = read_ptr(futex - WORD) - at->ob_head;
		*ret_type = lock_type_of(ts, read_ptr(object + at->ob_type));
		if (*ret_type)
			return object;
	}
	object = lock_on_stack(ts, futex);
	if (object)
		*ret_type = lock_type_of(ts, read_ptr(object + at->ob_type));
	return object;
}

static __always_inline void holder_set(struct thread_state *ts, __u64 tstate)
{
	ts->holder_tstate = tstate;
	ts->holder_id = thread_id(ts, tstate);
}

/* rlock_owner, or `thread` of the mutex inside: the word behind the lock. */
static __always_inline void rlock_look(struct thread_state *ts, __u64 object)
{
	__u64 tstate;

	ts->lock_owner_at = object + ts->proc.py.at.ob_head + WORD;
	ts->lock_owner = read_ptr(ts->lock_owner_at);
	if (!ts->lock_owner) {
		ts->lock_known = LS_LOCK_FREE;
		return;
	}
	ts->lock_known = LS_LOCK_OWNER_GONE;
	tstate = thread_find(ts, ts->lock_owner, KEY_PTHREAD);
	if (!tstate)
		return;
	holder_set(ts, tstate);
	ts->lock_known = LS_LOCK_OWNER;
}

/* pthread_mutex_t of glibc on 64-bit machines. */
struct mutex {
	__u32 lock, count, owner, n_users, kind;
};

#define MUTEX_CONTENDED 2 /* value of `lock` while threads wait, which the futex call expects */
#define MUTEX_KINDS 3 /* the kinds timed, recursive, error checking, adaptive */

/*
 * Not if it is shared with other processes or robust: its owner may be in another process, and it
 * is waited for in another way.
 */
static __always_inline int is_mutex(const struct mutex *mutex, const struct futex_wait *wait)
{
	return (wait->op & FUTEX_CMD_MASK) == FUTEX_WAIT && wait->value == MUTEX_CONTENDED &&
		mutex->lock == MUTEX_CONTENDED && mutex->owner && mutex->n_users &&
		mutex->kind <= MUTEX_KINDS;
}

static __always_inline void mutex_look(struct thread_state *ts, const struct futex_wait *wait)
{
	struct mutex mutex = {};
	__u64 tstate = 0;

	if (read_user(&mutex, sizeof(mutex), wait->addr) || !is_mutex(&mutex, wait))
		return;
	ts->lock_known = LS_LOCK_OWNER;
	ts->lock_owner_at = wait->addr + __builtin_offsetof(struct mutex, owner);
	ts->lock_owner = mutex.owner;
	ts->holder_id = mutex.owner;
	if (ts->proc.py.at.tstate_native_id != LS_PY_NONE)
		tstate = thread_find(ts, mutex.owner, KEY_NATIVE);
	ts->holder_tstate = tstate;
}

LS_SUBPROG int lock_look(struct thread_state *ts, const struct futex_wait *wait)
{
	enum lock_type type;
	__u64 object;

	if (!ts || !wait)
		return 0;
	ts->lock_futex = 0;
	ts->lock_owner_at = 0;
	ts->lock_owner = 0;
	ts->holder_tstate = 0;
	ts->holder_id = 0;
	ts->lock_known = LS_LOCK_NO_OBJECT;
	object = lock_find(ts, wait->addr, &type);
	if (type == TYPE_RLOCK)
		rlock_look(ts, object);
	else if (type == TYPE_LOCK)
		ts->lock_known = LS_LOCK_NO_OWNER;
	else
		mutex_look(ts, wait);
	if (type)
		ts->lock_futex = wait->addr;
	return 0;
}

LS_SUBPROG int lock_release_look(struct thread_state *ts, struct thread_holders *holders,
				 __u64 waker_key, __u64 now_ns)
{
	__u64 tstate;

	if (!ts)
		return 0;
	ts->lock_futex = 0;
	tstate = thread_find(ts, waker_key, KEY_OF_THREAD);
	if (!tstate)
		return 0;
	if (ts->lock_known == LS_LOCK_OWNER && tstate == ts->holder_tstate)
		return lock_watch_release(ts, now_ns);
	lock_watch_end(ts, NULL, now_ns);
	ts->lock_known = ts->lock_known == LS_LOCK_OWNER ? LS_LOCK_RELEASED_LAST : LS_LOCK_RELEASED;
	/* The thread is the current one, so its stack does not change meanwhile. */
	ts->lock_owner_at = 0;
	holder_set(ts, tstate);
	return holder_note(ts, holders, LS_CAUSE_LOCK, now_ns);
}
