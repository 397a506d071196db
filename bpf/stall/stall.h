/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Reports a stall to user space.
 */
#ifndef LOOPSTALL_BPF_STALL_H
#define LOOPSTALL_BPF_STALL_H

#include "core/state.h"

/*
 * Counts the current span as a stall and sends its records, if there is budget for them.
 * `duration_ns` is its own time, without nested steps. `unit` may be LS_UNIT_TURN: then the turn's
 * sums are sent. `entering`: see victims_report(). Returns the time that its victims waited.
 */
__u64 stall_report(struct thread_state *ts, __u64 now_ns, __u64 duration_ns, __u32 unit,
		   __u64 entering);

/*
 * The two halves of it, for a caller that has collected the victims itself (light mode).
 * stall_begin() counts the stall, sends its stacks and returns whether it is reported.
 */
__u32 stall_begin(struct thread_state *ts, __u64 now_ns, __u64 duration_ns, __u32 unit);
/* Sends the span's own record, behind those of its stacks and victims. */
int stall_send(struct thread_state *ts, __u64 now_ns, __u64 duration_ns, __u32 unit);

/*
 * The process or thread ends inside the current span: reports it if it is a stall. `end` is an enum
 * ls_end.
 */
int stall_cut_off(struct thread_state *ts, __u64 now_ns, __u32 end, __u32 signal);

#endif
