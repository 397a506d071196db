/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What user space tells the kernel side of a thread that it found to run a loop.
 */
#ifndef LOOPSTALL_LOOP_THREAD_H
#define LOOPSTALL_LOOP_THREAD_H

#include <loopstall/abi.h>

#define LS_LOOP_CODES 4

/* A bare loop, of which only the poll is known. */
struct ls_bare_loop {
	/* Of the function that polls, and of those around it; 0: it is none, or there is none. */
	__u64 codes[LS_LOOP_CODES];
	__u64 base_code; /* of the function that returns when the loop is over; 0: unknown */
	__u64 root_code; /* of the outermost function of all; greenlets have others */
	__u16 depth; /* functions of a selector between the poll and the function */
	__u8 is_plain; /* it polls with poll or select */
	__u8 has_greenlets; /* its process may switch to one that runs no Python */
	__u8 pad[4];
};

/*
 * A thread that runs a loop, registered by user space; keyed by tid. Used in light mode, and to
 * create the state of a thread that is in a step or callback when it is found.
 */
struct ls_loop_thread {
	__u64 loop;
	__u64 tstate;
	__u32 tgid;
	__s32 epoll_fd; /* of the loop; -1: unknown */
	__u64 task, coro, code; /* is_inside a step: of its task; 0: it is a callback */
	__u64 loop_frame; /* is_bare: of the function that runs the loop; 0: unknown */
	struct ls_bare_loop bare;
	__u8 is_bare; /* no step shows it: it is timed from now on */
	__u8 is_inside; /* a step or a callback */
	__u16 flags, n_frames; /* of its stack, as in struct ls_rec_stack */
	__u16 pad;
	struct ls_frame frames[LS_MAX_FRAMES];
};

#endif
