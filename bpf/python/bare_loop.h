/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Loops of which nothing but their poll is known. Some of them poll with poll() or select(), which
 * have no descriptor that tells the loop's own wait from another one: there the functions on the
 * stack do.
 */
#ifndef LOOPSTALL_BPF_BARE_LOOP_H
#define LOOPSTALL_BPF_BARE_LOOP_H

#include "core/state.h"

/*
 * Is the current thread's innermost code that of its loop's own poll: called, so many functions
 * outwards, by the one that user space saw call it?
 */
int bare_poll_is_own(struct thread_state *ts);

/*
 * Where the current thread is, before its stack is walked: ts->loop_frame becomes the innermost
 * frame of a function that runs the loop: the one that calls the poll, or one around that, if the
 * poll is in a function of its own. It stays as it was if there is none: the code is that of a
 * greenlet.
 *
 * Notes in ts->bare_left_ns when the thread is first seen outside of its loop, which is when the
 * function has returned inside which it ran the loop, and returns that time; now_ns if it is
 * inside, or that is not known. Its callback, which has returned, is ended where the thread waits
 * next: from the sampler the calls would be too deep.
 */
__u64 bare_loop_look(struct thread_state *ts, __u64 now_ns);

#endif
