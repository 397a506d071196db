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
 * The innermost frame of a function that runs the loop: the one that calls the poll, or one around
 * that, if the poll is in a function of its own. If there is none, the frame that was last seen to
 * poll: the code is that of a greenlet.
 */
__u64 bare_loop_frame(struct thread_state *ts);

/*
 * Is the function gone from the stack inside which the thread ran its loop? 0 also if that is not
 * known.
 */
int bare_loop_is_left(struct thread_state *ts);

#endif
