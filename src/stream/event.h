/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A validated event, the model's input. Live, replayed and scripted events have this form. The
 * pointers are valid during the call that passes the event.
 */
#ifndef LOOPSTALL_STREAM_EVENT_H
#define LOOPSTALL_STREAM_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include <loopstall/abi.h>

struct event {
	enum ls_rec_kind kind;
	union {
		const struct ls_rec_hdr *hdr;
		const struct ls_rec_thread *thread;
		const struct ls_rec_stack *stack; /* n_frames checked against len */
		const struct ls_rec_victim *victim;
		const struct ls_rec_turn *turn; /* n_parts checked */
		const struct ls_rec_stall *stall;
		const struct ls_rec_life *life;
		const struct ls_rec_fork *fork;
		const struct ls_rec_copy *copy; /* n_bytes checked */
		const struct ls_rec_code *code; /* pieces checked */
		const struct ls_rec_native *native; /* n_ips checked against len */
	};
};

/*
 * Checks one raw record and fills `ret_event`, which then points into `data`. Returns 0 or
 * -EBADMSG: too short, a length that does not fit its kind, an unknown kind, a cause, unit, string
 * kind, copied length or frame count out of range, a split that does not add up.
 */
int event__decode(const void *data, size_t size, struct event *ret_event);

#endif
