/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Validates raw records. Code behind this point uses the fields of a record without checking sizes
 * and ranges again. The ring returns records aligned to 8 bytes, and copies come from malloc(); the
 * event points into the data, so any other alignment is refused.
 */
#include "stream/event.h"

#include <errno.h>
#include <stdbool.h>

#define MAX_SIGNAL 127 /* what an exit code can hold */

static bool pystr_is_valid(const struct ls_pystr *str)
{
	switch (str->kind) {
	case 0:
	case 0xff:
		return str->copied == 0;
	case 1:
	case 2:
	case 4:
		return str->copied <= LS_NAME_BYTES && str->copied % str->kind == 0 &&
			str->copied / str->kind <= str->length;
	default:
		return false;
	}
}

static bool stack_is_valid(const struct ls_rec_stack *stack, size_t size)
{
	if (size < offsetof(struct ls_rec_stack, frames) || stack->n_frames > LS_MAX_FRAMES)
		return false;
	if (size !=
	    offsetof(struct ls_rec_stack, frames) + stack->n_frames * sizeof(struct ls_frame))
		return false;
	return stack->cause < LS_CAUSE_MAX;
}

static bool copy_is_valid(const struct ls_rec_copy *copy, size_t size)
{
	return size == sizeof(*copy) && copy->n_bytes <= sizeof(copy->bytes) &&
		copy->place.cause < LS_CAUSE_MAX;
}

static bool code_is_valid(const struct ls_rec_code *code, size_t size)
{
	if (size != sizeof(*code))
		return false;
	for (size_t i = 0; i < LS_CODE_PIECES; i++)
		if (code->pieces[i].at > LS_CODE_BYTES ||
		    code->pieces[i].n_bytes > LS_CODE_BYTES - code->pieces[i].at)
			return false;
	return true;
}

static bool native_is_valid(const struct ls_rec_native *native, size_t size)
{
	return size >= offsetof(struct ls_rec_native, ips) && native->n_ips <= LS_MAX_NATIVE &&
		size ==
		offsetof(struct ls_rec_native, ips) + native->n_ips * sizeof(native->ips[0]) &&
		native->place.cause < LS_CAUSE_MAX;
}

static bool turn_is_valid(const struct ls_rec_turn *turn)
{
	return turn->n_parts <= LS_MAX_TURN_PARTS && turn->maker_origin < LS_MAKER_MAX;
}

static bool split_adds_up(const struct ls_rec_stall *stall)
{
	uint64_t sum = 0;

	for (int i = 0; i < LS_CAUSE_MAX; i++)
		if (__builtin_add_overflow(sum, stall->cause_ns[i], &sum))
			return false;
	return sum == stall->duration_ns;
}

/* A step resumes where it was suspended or at its beginning, and never ends at its beginning. */
static bool step_ends_are_valid(const struct ls_rec_stall *stall)
{
	return stall->from.state <= LS_AWAIT_BEGAN && stall->to.state < LS_AWAIT_MAX &&
		stall->to.state != LS_AWAIT_BEGAN;
}

static bool request_is_valid(const struct ls_request *request)
{
	for (size_t i = 0; i < LS_REQUEST_PREFIXES; i++)
		if (!pystr_is_valid(&request->prefixes[i]))
			return false;
	return request->state < LS_REQUEST_STATE_MAX &&
		request->n_prefixes <= LS_REQUEST_PREFIXES && pystr_is_valid(&request->method) &&
		pystr_is_valid(&request->route);
}

static bool stall_is_valid(const struct ls_rec_stall *stall)
{
	uint64_t end_ns;

	if (stall->unit <= LS_UNIT_NONE || stall->unit > LS_UNIT_TURN)
		return false;
	if (stall->end >= LS_END_MAX || stall->signal > MAX_SIGNAL ||
	    stall->gc_generation > LS_GC_GENERATIONS || stall->stop >= LS_STOP_MAX)
		return false;
	if (__builtin_add_overflow(stall->start_ns, stall->duration_ns, &end_ns) ||
	    end_ns > stall->hdr.ts_ns)
		return false;
	return split_adds_up(stall) && step_ends_are_valid(stall) && pystr_is_valid(&stall->name) &&
		stall->lock_known < LS_LOCK_MAX &&
		!stall->gil_holder_name[sizeof(stall->gil_holder_name) - 1] &&
		!stall->lock_holder_name[sizeof(stall->lock_holder_name) - 1] &&
		request_is_valid(&stall->request) &&
		!stall->test[LS_TEST_PARTS - 1][LS_NAME_BYTES - 1];
}

static bool record_is_valid(const void *data, size_t size)
{
	const struct ls_rec_hdr *hdr = data;

	switch (hdr->kind) {
	case LS_REC_THREAD:
		return size == sizeof(struct ls_rec_thread);
	case LS_REC_STACK:
		return stack_is_valid(data, size);
	case LS_REC_VICTIM:
		return size == sizeof(struct ls_rec_victim) &&
			pystr_is_valid(&((const struct ls_rec_victim *)data)->name);
	case LS_REC_TURN:
		return size == sizeof(struct ls_rec_turn) && turn_is_valid(data);
	case LS_REC_STALL:
		return size == sizeof(struct ls_rec_stall) && stall_is_valid(data);
	case LS_REC_EXEC:
	case LS_REC_EXIT:
		return size == sizeof(struct ls_rec_life);
	case LS_REC_FORK:
		return size == sizeof(struct ls_rec_fork);
	case LS_REC_COPY:
		return copy_is_valid(data, size);
	case LS_REC_CODE:
		return code_is_valid(data, size);
	case LS_REC_NATIVE:
		return native_is_valid(data, size);
	default:
		return false;
	}
}

int event__decode(const void *data, size_t size, struct event *ret_event)
{
	const struct ls_rec_hdr *hdr = data;

	if ((uintptr_t)data % _Alignof(struct ls_rec_hdr) != 0)
		return -EBADMSG;
	if (size < sizeof(*hdr) || hdr->len != size || !record_is_valid(data, size))
		return -EBADMSG;
	ret_event->kind = hdr->kind;
	ret_event->hdr = hdr;
	return 0;
}
