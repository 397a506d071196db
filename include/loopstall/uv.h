/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Layout of libuv 1.x on 64-bit systems (include/uv.h, include/uv/unix.h): user space finds the
 * timer heap of a loop, the kernel side reads the timers in it.
 */
#ifndef LOOPSTALL_UV_H
#define LOOPSTALL_UV_H

#define LS_UV_LOOP_BACKEND_FD 64 /* in uv_loop_t: descriptor of its epoll */
/*
 * In uv_loop_t: root and number of nodes of the heap. A pthread_mutex_t comes before it, whose size
 * depends on the architecture and is not in this number.
 */
#define LS_UV_LOOP_TIMER_HEAP 480
#define LS_UV_HEAP_NODES 8 /* in the heap: number of nodes */
#define LS_UV_HEAP_LOOP_TIME 24 /* from the heap to the loop's time of its last poll */
#define LS_UV_NODE_LEFT 0 /* in a node of the heap */
#define LS_UV_NODE_RIGHT 8
#define LS_UV_TIMER_DATA 0 /* in uv_timer_t */
#define LS_UV_TIMER_NODE 104 /* the node lies inside the timer */
#define LS_UV_TIMER_TIMEOUT 128 /* in ms of CLOCK_MONOTONIC */

#endif
